// The page's behaviour. Whatever comes from a file or a job is put in as text, never as markup.
import { ask, attempt, authorize, begin, find, hasSession, leaveIfEnded, say, trouble } from "./session.js"

const HEAD_BYTES = Number(document.body.dataset.headBytes)
const ENDED = new Set(["SUCCEEDED", "COMPLETED_WITH_ERRORS", "FAILED", "CANCELLED"])
const BAD = new Set(["FAILED", "CANCELLED"])
const POLL_MS = 1000, LIST_MS = 4000

const number = value => value === null || value === undefined ? "–" : value.toLocaleString("en")
const words = state => { const text = state.replaceAll("_", " ").toLowerCase(); return text[0].toUpperCase() + text.slice(1) }
const nameOf = job => decodeURIComponent(job.input.split("/").pop().replaceAll("%", "%25"))
const duration = seconds => seconds < 90 ? `${Math.ceil(seconds)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`
const size = bytes => bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} KB` : bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`

function element(tag, text, className) {
  const made = document.createElement(tag)
  made.textContent = text
  if (className) made.className = className
  return made
}

// ── A new file ──────────────────────────────────────────────────────────────────────────────────────────────────────
const form = find("#options"), drop = find("#drop"), picker = find("#file"), column = form.elements["input-column"]
let file, sending, looking, columns = ""

const query = () => {
  const chosen = [...new FormData(form)].filter(([, value]) => value !== "")
  return new URLSearchParams([["name", file.name], ...chosen])
}

async function take(files) {
  if (!files.length || find("main").hidden) return
  if (!find("#sending").hidden) return trouble(`${files[0].name} was ignored: choose it again after ${file.name} is uploaded`)
  file = files[0]
  form.reset()
  column.replaceChildren()
  columns = ""
  find("#file-name").textContent = file.name
  find("#file-size").textContent = size(file.size)
  say("#others", files.length > 1 && `one file at a time: this is the first of ${files.length}; choose the next one after it has started`)
  drop.hidden = true
  form.hidden = false
  // What had it is gone.
  find("#file-name").focus()
  await (looking = look())
}

function forget() {
  file = undefined
  picker.value = ""
  form.hidden = true
  find("#sending").hidden = true
  drop.hidden = false
  picker.focus()
}

// Whether the file can be read as the form says.
async function look() {
  const asked = query()
  asked.set("complete", file.size <= HEAD_BYTES)
  const seen = await attempt(() => ask(`/api/preview?${asked}`, { method: "POST", body: file.slice(0, HEAD_BYTES) }))
  find("#preview").hidden = !seen
  say("#hint", seen?.hint)
  say("#question", seen?.question)
  say("#assumed", seen?.assumed)
  // Where an expression makes the input, or nothing could be read, there is no column to choose.
  column.closest(".field").hidden = seen?.input_index == null && !seen?.question
  find("#start").disabled = !seen || Boolean(seen.question)
  if (seen) show(seen)
  return Boolean(seen && !seen.question)
}

function show(seen) {
  const names = JSON.stringify(seen.columns)
  if (names !== columns) {
    columns = names
    const choose = Object.assign(new Option("Choose one", ""), { disabled: true })
    column.replaceChildren(choose, ...seen.columns.map((name, index) => new Option(name || `column ${index}`, index)))
  }
  column.value = seen.input_index ?? ""
  const cells = (tag, texts) => texts.map((text, index) => element(tag, text, index === seen.input_index ? "input" : ""))
  const line = (tag, texts) => { const row = document.createElement("tr"); row.append(...cells(tag, texts)); return row }
  find("#preview thead").replaceChildren(line("th", seen.columns))
  find("#preview tbody").replaceChildren(...seen.rows.map(texts => line("td", texts)))
}

// XMLHttpRequest, since fetch doesn't tell how far an upload is.
function send(address, onProgress) {
  return new Promise((resolve, reject) => {
    sending = new XMLHttpRequest()
    sending.open("POST", address)
    authorize((name, value) => sending.setRequestHeader(name, value))
    sending.responseType = "json"
    sending.upload.onprogress = event => onProgress(event.loaded / event.total)
    sending.onload = () => {
      leaveIfEnded(sending.status)
      sending.status < 400 ? resolve(sending.response) : reject(new Error(sending.response?.error))
    }
    sending.onerror = () => reject(new Error("the upload failed: is `fanfold` still running in its terminal?"))
    sending.onabort = () => reject(new Error("the upload was stopped; nothing was kept"))
    sending.send(file)
  })
}

async function start() {
  // Leaving a field by this very click begins another look.
  if (!await looking) return
  form.hidden = true
  find("#sending").hidden = false
  find("#stop").focus()
  const bar = find("#sending progress")
  bar.value = 0
  const begun = await attempt(() => send(`/api/jobs?${query()}`, share => { bar.value = share }))
  if (!begun) {
    // All that was said of the file is there still, to try again.
    find("#sending").hidden = true
    form.hidden = false
    return find("#start").focus()
  }
  forget()
  location.hash = begun.id
  await list()
}

picker.addEventListener("change", () => take(picker.files))
form.addEventListener("change", event => {
  // If the file is read in another way, its columns are others, and the choice among the old ones is void.
  if (event.target !== column && event.target.closest("#file-fields")) column.replaceChildren(), columns = ""
  looking = look()
})
form.addEventListener("submit", event => { event.preventDefault(); start() })
find("#forget").addEventListener("click", () => { trouble(); forget() })
find("#stop").addEventListener("click", () => sending.abort())
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, event => {
    event.preventDefault()
    drop.classList.toggle("over", kind === "dragenter" || kind === "dragover")
    if (kind === "drop") take(event.dataTransfer.files)
  })
}

// ── One job ─────────────────────────────────────────────────────────────────────────────────────────────────────────
const section = find("#job"), report = find("iframe", section)
const current = () => location.hash.slice(1)
let timer

async function follow() {
  clearTimeout(timer)
  const id = current()
  if (!id) return section.hidden = true
  // Nobody looks; and a session that nobody uses ends.
  if (document.hidden) return
  let job
  try {
    job = await ask(`/api/jobs/${encodeURIComponent(id)}`)
  } catch (error) {
    section.hidden = true
    return trouble(error.message)
  }
  if (id !== current()) return
  draw(job)
  section.hidden = false
  if (!ENDED.has(job.state)) timer = setTimeout(follow, POLL_MS)
}

function draw(job) {
  row(job)
  const ended = ENDED.has(job.state), held = section.contains(document.activeElement)
  const state = find(".state", section)
  state.textContent = words(job.state)
  state.classList.toggle("bad", BAD.has(job.state))
  find("#job-title").textContent = nameOf(job)
  find(".about", section).textContent = job.id + (job.retry_of ? `, a retry of the failed rows of ${job.retry_of}` : "")
  find(".reason", section).textContent = job.reason
  const bar = find("progress", section)
  if (job.rows) { bar.max = job.rows; bar.value = job.done } else bar.removeAttribute("value")
  const failed = job.failed ? `, ${number(job.failed)} of them failed` : ""
  find(".counts", section).textContent = `${number(job.done)} of ${number(job.rows)} rows answered${failed}`
  find(".pace", section).textContent = pace(job)
  for (const link of section.querySelectorAll("[data-file]")) {
    link.closest(".spreadsheets, .button").hidden = !ended
    link.href = job.files + link.dataset.file
  }
  // The report says the same, and more; but that the job has ended is said aloud.
  state.classList.toggle("unseen", ended)
  for (const said of ["h2", ".counts", ".pace", "progress", ".cancel"]) find(said, section).hidden = ended
  find(".reason", section).hidden = ended || !job.reason
  find(".retry", section).hidden = !ended || !job.failed
  report.hidden = !ended
  if (held && document.activeElement.hidden) section.focus()
  if (ended && report.getAttribute("src") !== `${job.files}report.html`) report.src = `${job.files}report.html`
}

function pace({ state, rows_per_second: rate, seconds_left: left }) {
  if (state !== "RUNNING" || !rate) return ""
  const speed = `${rate.toLocaleString("en", { maximumFractionDigits: rate < 10 ? 1 : 0 })} rows per second`
  return left === null ? speed : `${speed}, about ${duration(left)} left`
}

// As high as what is in it, which has the same origin and no scripts.
const fit = () => { if (report.contentDocument) report.style.height = `${report.contentDocument.documentElement.offsetHeight + 2}px` }
report.addEventListener("load", () => {
  fit()
  for (const table of report.contentDocument.querySelectorAll("details")) table.addEventListener("toggle", fit)
})
window.addEventListener("resize", fit)

find(".cancel", section).addEventListener("click", () => attempt(async () => {
  await ask(`/api/jobs/${encodeURIComponent(current())}/cancel`, { method: "POST" })
  await follow()
}))
find(".retry", section).addEventListener("click", () => attempt(async () => {
  const next = await ask(`/api/jobs/${encodeURIComponent(current())}/retry`, { method: "POST" })
  location.hash = next.id
  await list()
}))
window.addEventListener("hashchange", async () => {
  // The link again, in the same window.
  if (location.hash.startsWith("#token=")) return location.reload()
  trouble()
  mark()
  await follow()
  section.scrollIntoView()
  section.focus({ preventScroll: true })
})

// ── All jobs ────────────────────────────────────────────────────────────────────────────────────────────────────────
const table = find("#jobs"), body = table.tBodies[0]

async function list() {
  const jobs = await ask("/api/jobs").catch(error => trouble(error.message))
  if (!jobs) return
  find("#loading").hidden = true
  find("#none").hidden = jobs.length > 0
  table.hidden = !jobs.length
  const lines = jobs.map(row)
  // A line that is put in again loses the focus.
  if (lines.length !== body.rows.length || lines.some((line, place) => line !== body.rows[place])) {
    const focused = document.activeElement
    body.replaceChildren(...lines)
    if (body.contains(focused)) focused.focus()
  }
  mark()
}

// A job's line, which tells what is known of the job by now.
function row(job) {
  const known = [...body.rows].find(line => line.dataset.id === job.id)
  const line = known ?? find("#row").content.firstElementChild.cloneNode(true)
  // An answer that was asked for earlier may come later.
  if (ENDED.has(line.dataset.state)) return line
  Object.assign(line.dataset, { id: job.id, state: job.state })
  find("a", line).href = `#${job.id}`
  // A long name breaks where its words end, if it has such places.
  find("a", line).replaceChildren(...nameOf(job).split(/(?<=[_.-])/).flatMap(part => [part, document.createElement("wbr")]))
  find(".stands", line).textContent = words(job.state)
  find(".stands", line).classList.toggle("bad", BAD.has(job.state))
  find(".rows", line).textContent = number(job.rows)
  find(".failed", line).textContent = number(job.failed)
  find(".begun", line).textContent = new Date(job.created).toLocaleString("sv")
  return line
}

function mark() {
  for (const line of body.rows) {
    if (line.dataset.id === current()) line.setAttribute("aria-current", "true")
    else line.removeAttribute("aria-current")
  }
}

async function refresh() {
  if (!document.hidden) await list()
  if (hasSession()) setTimeout(refresh, LIST_MS)
}

// ── The stack ───────────────────────────────────────────────────────────────────────────────────────────────────────
function introduce({ name, endpoint, model, defaults }) {
  document.title = `${name} · Fanfold`
  find("#stack .name-of").textContent = name
  find("#stack .endpoint").textContent = endpoint
  find("#stack .model b").textContent = model
  find("#stack .model").hidden = !model
  find("#stack").hidden = false
  for (const [option, value] of Object.entries(defaults)) {
    const field = form.elements[option]
    if (field instanceof HTMLInputElement) field.placeholder = value || field.placeholder
    else if (field !== column) field.options[0].text = `Stack default (${value})`
  }
}

await attempt(async () => {
  await begin()
  introduce(await ask("/api/stack"))
  find("main").hidden = false
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { list(); follow() } })
  follow()
  refresh()
})
