// One job: where it stands, what can be done with it, and what came of it.
import { current, line, list } from "./list.js"
import { fit, showResults, showSoFar } from "./results.js"
import { ask, attempt, find, say, trouble } from "./session.js"
import { ENDED, LEAST_DOLLARS, breakable, cancelling, counted, dollars, duration, element, lasted, moment, nameOf, number, paint, percent, roughly, size, stateOf } from "./words.js"

// A hidden page asks only for a job that is at work, whose progress its title tells.
const POLL_MS = 1000, HIDDEN_MS = 5000
const section = find("#job"), opening = find("#opening"), dialog = find("dialog", section)
// Jobs whose end is to be announced.
const announced = new Set()
let timer, shown

export async function follow() {
  clearTimeout(timer)
  const id = current()
  if (id !== shown?.id) section.hidden = true
  opening.hidden = !id || id === shown?.id
  if (!id) return shown = undefined
  let job
  try {
    job = await ask(`/api/jobs/${encodeURIComponent(id)}`)
  } catch (error) {
    if (id !== current()) return
    opening.hidden = true
    // Unless it is refused, it is asked for again, and what is known of it stays.
    if (error.status < 500) section.hidden = true
    else timer = setTimeout(follow, HIDDEN_MS)
    return trouble(error.message)
  }
  if (id !== current()) return
  announce(job)
  draw(job)
  section.hidden = false
  opening.hidden = true
  if (!ENDED.has(job.state)) timer = setTimeout(follow, document.hidden ? HIDDEN_MS : POLL_MS)
}

function draw(job) {
  line(job)
  const ended = ENDED.has(job.state), held = section.contains(document.activeElement)
  shown = job
  const [, words] = stateOf(job), name = nameOf(job)
  const progress = [job.rows ? percent(job.done, job.rows) : words, elapsed(job)].join(" · ")
  document.title = `${ended ? words : progress} · ${name} · Fanfold`
  paint(find(".title .pill", section), job)
  find("#job-title").replaceChildren(...breakable(name))
  const retried = job.retry_of ? ` · retry of the failed rows of ${job.retry_of}` : ""
  const submitted = job.submitter ? ` · file submitted by ${job.submitter}` : ""
  find(".about", section).textContent = `${job.id} · started ${moment(job.created)}${submitted}${retried}`
  // The state says that its user has cancelled it.
  say(".reason", job.reason !== "cancelled" && [job.reason, job.details].filter(Boolean).join("; "), "", section)
  find(".running", section).hidden = ended
  drawProgress(job)
  find(".tiles", section).hidden = !ended
  if (ended) find(".tiles", section).replaceChildren(...tiles(job))
  for (const link of section.querySelectorAll(".of-results")) link.dataset.file = job.results_file
  find(".files .of-results", section).textContent = job.results_file
  drawTable(job.table)
  for (const link of section.querySelectorAll("[data-file]")) link.href = job.files + link.dataset.file
  for (const part of ["[data-file].button", ".files"]) find(part, section).hidden = !ended
  find(".outcome", section).hidden = !ended && !job.done
  for (const part of section.querySelectorAll(".of-errors")) part.hidden = !job.failed
  const cancel = find(".cancel", section)
  cancel.hidden = ended
  cancel.disabled = job.state === "CLOSING" || cancelling.has(job.id)
  if (ended || cancel.disabled) dialog.close()
  const retry = find(".retry", section)
  retry.hidden = !job.is_retryable
  retry.textContent = job.not_answered ? "Send the remaining rows" : job.failed ? "Retry failed rows" : "Retry"
  say(".advice", job.advice, "", section)
  warn(job)
  drawNotify(job, ended)
  if (ended) showResults(job)
  else if (job.done) showSoFar(job)
  if (held && (document.activeElement === document.body || !document.activeElement.checkVisibility())) section.focus()
}

const elapsed = job => duration(Math.round(lasted(job)))

function drawProgress(job) {
  const bar = find(".running progress", section)
  if (job.rows) { bar.max = job.rows; bar.value = job.done } else bar.removeAttribute("value")
  const failed = job.failed ? `, ${number(job.failed)} of them failed` : ""
  const counts = job.rows ? `${percent(job.done, job.rows)} · ${number(job.done)} of ${counted(job.rows, "row")} answered${failed}` : `Reading the file…${job.done ? ` ${counted(job.done, "row")} answered so far${failed}` : ""}`
  find(".counts", section).textContent = counts
  find(".pace", section).textContent = [pace(job), `${elapsed(job)} so far`].filter(Boolean).join(" · ")
}

function pace({ state, rows_per_second: rate, seconds_left: left }) {
  if (state !== "RUNNING" || !rate) return ""
  const speed = `${counted(Number(rate.toFixed(rate < 10 ? 1 : 0)), "row")} per second`
  return left === null ? speed : `${speed}, about ${roughly(left)} left`
}

function tiles(job) {
  const unanswered = job.not_answered ?? 0, failed = job.failed - unanswered
  const told = [["Rows", number(job.rows)], ["Predicted", number(job.predicted)], ["Failed", number(failed), failed && "bad"]]
  if (unanswered) told.push(["Not answered", number(unanswered)])
  told.push(["Duration", duration(lasted(job))])
  if (job.dollars >= LEAST_DOLLARS) told.push(["Cost at least", dollars(job.dollars)])
  if (job.instance_hours != null) told.push(["Instance-hours", job.instance_hours.toFixed(2)])
  return told.map(([name, value, look]) => {
    const tile = document.createElement("div")
    tile.append(element("dt", name), element("dd", value, look || ""))
    return tile
  })
}

// The folder of Parquet files: each of them, or if they are many, the command that downloads them.
function drawTable(table) {
  const place = find(".of-table", section)
  place.hidden = !table
  if (!table) return
  const offered = table.files ? links(table.files) : [`${counted(table.count, "file")}, ${size(table.bytes)}. To download all files of the job: `, element("code", table.command)]
  place.replaceChildren("results.parquet, the results as a table of Parquet files: ", ...offered)
}

const links = files => Object.entries(files).flatMap(([file, bytes], at) => {
  const link = element("a", file.split("/").pop())
  link.dataset.file = file
  link.download = ""
  return [at ? ", " : "", link, ` (${size(bytes)})`]
})

// What may be wrong with the file or the predictions; a job whose labels were others is one click away.
function warn({warnings, departure}) {
  const list = find(".warnings", section)
  list.hidden = !warnings.length
  list.replaceChildren(...warnings.map(words => {
    const [before, after] = departure ? words.split(departure.job) : [words], item = element("li", before)
    if (after !== undefined) {
      const link = element("a", departure.job)
      link.href = `#${departure.job}`
      item.append(link, after)
    }
    return item
  }))
}

// ── When a job ends ─────────────────────────────────────────────────────────────────────────────────────────────────
function drawNotify(job, ended) {
  const button = find(".notify", section), isSet = announced.has(job.id)
  button.hidden = ended || !("Notification" in window) || Notification.permission === "denied"
  button.disabled = isSet
  button.textContent = isSet ? "You will be notified" : "Notify me when it ends"
}

function announce(job) {
  if (!ENDED.has(job.state) || !announced.delete(job.id)) return
  const [, words] = stateOf(job)
  new Notification(`${nameOf(job)}: ${words}`, { body: `${number(job.predicted)} of ${counted(job.rows, "row")} predicted`, tag: job.id })
}

find(".notify", section).addEventListener("click", async () => {
  const { id } = shown
  if (await Notification.requestPermission() === "granted") announced.add(id)
  if (shown?.id === id) drawNotify(shown, false)
})

// ── What can be done ────────────────────────────────────────────────────────────────────────────────────────────────
find(".cancel", section).addEventListener("click", () => dialog.showModal())
find(".keep", dialog).addEventListener("click", () => dialog.close())
find(".confirm", dialog).addEventListener("click", async () => {
  const job = shown
  dialog.close()
  // At once, whatever the answer takes.
  cancelling.add(job.id)
  draw(job)
  const done = await attempt(() => ask(`/api/jobs/${encodeURIComponent(job.id)}/cancel`, { method: "POST" }))
  if (!done) cancelling.delete(job.id)
  await follow()
})
find(".retry", section).addEventListener("click", () => attempt(async () => {
  const next = await ask(`/api/jobs/${encodeURIComponent(current())}/retry`, { method: "POST" })
  location.hash = next.id
  await list()
}))
window.addEventListener("resize", fit)
