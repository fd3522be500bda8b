// The list of jobs: the latest ones, or those that are called as the search says.
import { ask, find, hasSession, trouble } from "./session.js"
import { ENDED, LEAST_DOLLARS, breakable, counted, dollars, duration, lasted, moment, nameOf, number, paint, percent } from "./words.js"

const LIST_MS = 4000, PAGE = 30, TYPING_MS = 200
const place = find("#jobs"), search = find("#search"), more = find("#more")
let most = PAGE, typing

export const current = () => location.hash.slice(1)

export async function list() {
  const wanted = search.value.trim()
  const found = await ask(`/api/jobs?${new URLSearchParams({ most, search: wanted })}`).catch(error => trouble(error.message))
  // An answer to an earlier question may come later.
  if (!found || wanted !== search.value.trim()) return
  find("#loading").hidden = true
  const none = find("#none")
  none.hidden = found.jobs.length > 0
  none.textContent = wanted ? `No job matches “${wanted}”.` : "No jobs yet. Upload a CSV to start one."
  more.hidden = !found.has_more
  const lines = found.jobs.map(line)
  // A line that is put in again loses the focus.
  if (lines.length !== place.children.length || lines.some((one, at) => one !== place.children[at])) {
    const focused = document.activeElement
    place.replaceChildren(...lines)
    if (place.contains(focused)) focused.focus()
  }
  mark()
}

// A job's line, which tells what is known of the job by now.
export function line(job) {
  const known = [...place.children].find(one => one.dataset.id === job.id)
  const made = known ?? find("#line").content.firstElementChild.cloneNode(true)
  // An answer that was asked for earlier may come later.
  if (ENDED.has(made.dataset.state) && !ENDED.has(job.state)) return made
  Object.assign(made.dataset, { id: job.id, state: job.state })
  find("a", made).href = `#${job.id}`
  find(".file", made).replaceChildren(...breakable(nameOf(job)))
  paint(find(".pill", made), job)
  const bar = find("progress", made), ended = ENDED.has(job.state)
  bar.hidden = ended
  if (job.rows) { bar.max = job.rows; bar.value = job.done } else bar.removeAttribute("value")
  find(".facts", made).textContent = facts(job, ended).filter(Boolean).join(" · ")
  find("time", made).dateTime = job.created
  find("time", made).textContent = moment(job.created).slice(0, -3)
  return made
}

function facts(job, ended) {
  if (!ended) return [job.rows ? `${percent(job.done, job.rows)} of ${counted(job.rows, "row")}` : "Reading the file…", duration(Math.round(lasted(job))), job.submitter]
  // Until its summary is read, nobody knows which rows were answered.
  const unanswered = job.not_answered ?? 0, failed = job.failed - unanswered
  const without = job.not_answered == null && job.failed ? `${number(job.failed)} without a prediction` : ""
  const told = without || [failed && `${number(failed)} failed`, unanswered && `${number(unanswered)} not answered`].filter(Boolean).join(" · ")
  return [counted(job.rows, "row"), told, duration(lasted(job)), job.dollars >= LEAST_DOLLARS && `at least ${dollars(job.dollars)}`, job.submitter]
}

export function mark() {
  for (const one of place.children) {
    if (one.dataset.id === current()) find("a", one).setAttribute("aria-current", "true")
    else find("a", one).removeAttribute("aria-current")
  }
}

export async function refresh() {
  if (!document.hidden) await list()
  if (hasSession()) setTimeout(refresh, LIST_MS)
}

search.addEventListener("input", () => {
  clearTimeout(typing)
  typing = setTimeout(list, TYPING_MS)
})
more.addEventListener("click", async () => {
  const before = place.children.length
  most += PAGE
  await list()
  // The button may be gone.
  find("a", place.children[before] ?? place).focus()
})
