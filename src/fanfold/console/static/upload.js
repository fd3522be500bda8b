// A new file: how it is read, what it will take, and its upload. Whatever comes from a file is put in as text.
import { ask, attempt, authorize, find, leaveIfEnded, say, trouble } from "./session.js"
import { counted, element, percent, roughly, sentence, size } from "./words.js"

const HEAD_BYTES = Number(document.body.dataset.headBytes), PARQUET_BYTES = Number(document.body.dataset.parquetBytes)
const NOT_A_CSV = 415
const section = find("#new"), choose = find("#choose"), form = find("#options"), sendingPart = find("#sending")
const drop = find("#drop"), picker = find("#file"), column = form.elements["input-column"]
let file, sending, looking, looks = 0, columns = ""

const query = () => {
  const chosen = [...new FormData(form)].filter(([, value]) => value !== "")
  return new URLSearchParams([["name", file.name], ...chosen])
}

// What is looked at: of Parquet, which is read from its end, nothing or all.
function beginning() {
  const whole = file.name.toLowerCase().endsWith(".parquet") && file.size <= PARQUET_BYTES
  return whole ? file : file.slice(0, HEAD_BYTES)
}

// One of the three parts is shown.
function show(part) {
  for (const other of [choose, form, sendingPart]) other.hidden = other !== part
}

async function take(files) {
  if (!files.length || find("main").hidden) return
  if (!sendingPart.hidden) return trouble(`${files[0].name} was ignored: choose it again after ${file.name} is uploaded`, files[0].name)
  // The last job's page gives way.
  if (location.hash) location.hash = ""
  file = files[0]
  form.reset()
  column.replaceChildren()
  columns = ""
  find("#advanced").open = false
  find("#file-name").textContent = file.name
  find("#file-size").textContent = size(file.size)
  say("#others", files.length > 1 && `one file at a time: this is the first of ${files.length}; choose the next one after it has started`)
  show(form)
  // What had it is gone.
  find("#file-name").focus()
  await (looking = look())
}

function forget() {
  file = undefined
  looks++
  picker.value = ""
  show(choose)
}

// Whether the file can be read as the form says.
async function look() {
  const asked = query(), mine = ++looks
  asked.set("size", file.size)
  trouble()
  let seen, refused
  try {
    seen = await ask(`/api/preview?${asked}`, { method: "POST", body: beginning() })
  } catch (error) {
    refused = error
  }
  // The form may have changed meanwhile: what counts is the latest look.
  if (mine !== looks) return file ? looking : false
  trouble(refused?.message, file.name)
  // No option makes a CSV of it.
  if (refused?.status === NOT_A_CSV) {
    forget()
    picker.focus()
    return false
  }
  find("#preview").hidden = !seen?.columns.length
  say("#hint", seen?.hint)
  find("#question").hidden = !seen?.question
  say("#assumed", seen?.assumed)
  // Where an expression makes the input, or nothing could be read, there is no column to choose.
  column.closest(".field").hidden = seen?.input_index == null && !seen?.question
  find("#start").disabled = !seen || Boolean(seen.question)
  if (seen) draw(seen)
  else find("#advanced").open = true
  tell(seen?.outlook)
  return Boolean(seen && !seen.question)
}

function draw(seen) {
  const names = JSON.stringify(seen.columns)
  if (names !== columns) {
    columns = names
    const none = Object.assign(new Option("Choose one", ""), { disabled: true })
    column.replaceChildren(none, ...seen.columns.map((name, index) => new Option(name || `column ${index}`, index)))
    find("#known-label-column").replaceChildren(...seen.columns.map(name => new Option(name)))
  }
  column.value = seen.input_index ?? ""
  const held = document.activeElement?.dataset.column
  const head = document.createElement("tr"), body = find("#preview tbody")
  head.append(...seen.columns.map((name, index) => header(name, index, seen)))
  find("#preview thead").replaceChildren(head)
  body.replaceChildren(...seen.rows.map(texts => {
    const line = document.createElement("tr")
    line.append(...texts.map((text, index) => Object.assign(element("td", text, index === seen.input_index ? "input" : ""), { dir: "auto" })))
    return line
  }))
  if (held !== undefined) find(`[data-column="${held}"]`, head)?.focus()
}

// A column is chosen by its name, but where an expression makes the input.
function header(name, index, { input_index: input, question }) {
  const cell = element("th", "", index === input ? "input" : "")
  cell.scope = "col"
  if (input == null && !question) {
    cell.textContent = name
    return cell
  }
  const button = element("button", name || `column ${index}`)
  button.type = "button"
  button.dataset.column = index
  button.setAttribute("aria-pressed", index === input)
  button.addEventListener("click", () => {
    column.value = index
    looking = look()
  })
  cell.append(button)
  return cell
}

function tell(outlook) {
  const place = find("#outlook")
  place.hidden = !outlook
  if (!outlook) return
  const { rows, is_exact: exact, requests, cost, basis, seconds, wakes, prompt_tokens: tokens } = outlook
  const about = exact ? "" : "About "
  const time = seconds ? `, in about ${roughly(seconds)}${wakes ? " with the endpoint's start" : ""}` : ""
  const prompts = tokens ? ` with about ${counted(tokens, "token")} in prompts (4 bytes each)` : ""
  find(".work", place).textContent = `${about}${counted(rows, "row")} in ${counted(requests, "request")}${prompts}${time}`
  find(".price", place).replaceChildren(...sentence(cost))
  find(".basis", place).textContent = `${exact ? "" : "Estimated from the beginning of the file. "}${basis}`
}

// XMLHttpRequest, since fetch doesn't tell how far an upload is.
function send(address, onProgress) {
  return new Promise((resolve, reject) => {
    sending = new XMLHttpRequest()
    sending.open("POST", address)
    authorize((name, value) => sending.setRequestHeader(name, value))
    sending.responseType = "json"
    sending.upload.onprogress = event => onProgress(event.loaded, event.total)
    sending.onload = () => {
      leaveIfEnded(sending.status)
      sending.status < 400 ? resolve(sending.response) : reject(new Error(sending.response?.error))
    }
    sending.onerror = () => reject(new Error("the upload failed: is `fanfold` still running in its terminal?"))
    sending.onabort = () => reject(new Error("the upload was stopped; nothing was kept"))
    sending.send(file)
  })
}

function progress(sent, whole) {
  find("progress", sendingPart).value = whole ? sent / whole : 0
  find("#sent").textContent = `${percent(sent, whole || 1)} of ${size(whole)}`
  document.title = `${percent(sent, whole || 1)} · ${file.name} · Fanfold`
}

async function start(onBegun) {
  // Leaving a field by this very click begins another look.
  if (!await looking) return
  show(sendingPart)
  find("#sending-title").textContent = `Uploading ${file.name}`
  find("#stop").focus()
  progress(0, file.size)
  const begun = await attempt(() => send(`/api/jobs?${query()}`, progress))
  if (!begun) {
    // All that was said of the file is there still, to try again.
    show(form)
    return find("#start").focus()
  }
  forget()
  await onBegun(begun)
}

// Once a file is uploaded, `onBegun` is told of its job.
export function listen(onBegun) {
  picker.addEventListener("change", () => take(picker.files))
  form.addEventListener("change", event => {
    // If the file is read in another way, its columns are others, and the choice among the old ones is void.
    const readsOtherwise = event.target.closest("#file-fields") || ["header", "delimiter"].includes(event.target.name)
    if (readsOtherwise) column.replaceChildren(), columns = ""
    looking = look()
  })
  form.addEventListener("submit", event => { event.preventDefault(); start(onBegun) })
  find("#forget").addEventListener("click", () => { trouble(); forget(); picker.focus() })
  find("#stop").addEventListener("click", () => sending.abort())
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, event => {
      event.preventDefault()
      drop.classList.toggle("over", kind === "dragenter" || kind === "dragover")
      if (kind === "drop") take(event.dataTransfer.files)
    })
  }
}

// What the options are unless they are chosen.
export function setDefaults(defaults) {
  for (const [option, value] of Object.entries(defaults)) {
    const field = form.elements[option]
    if (field instanceof HTMLInputElement) field.placeholder = value || field.placeholder
    else if (field !== column) {
      const words = [...field.options].find(choice => choice.value === value)?.text ?? value
      field.options[0].text = `Default: ${words}`
    }
  }
}

// The view of a new file, or none of it.
export function showUpload(isShown) {
  section.hidden = !isShown
  if (isShown && sendingPart.hidden) document.title = "Upload CSV · Fanfold"
}
