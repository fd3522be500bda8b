// How things are said: numbers, times, sizes, prices, and where a job stands.
export const ENDED = new Set(["SUCCEEDED", "COMPLETED_WITH_ERRORS", "FAILED", "CANCELLED"])

export const number = value => value === null || value === undefined ? "–" : value.toLocaleString("en")
export const counted = (value, thing) => `${number(value)} ${thing}${value === 1 ? "" : "s"}`
export const nameOf = job => decodeURIComponent(job.input.split("/").pop().replaceAll("%", "%25"))
export const size = bytes => bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} KB` : bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`
export const percent = (part, whole) => `${Math.floor(100 * part / whole)}%`
// Less than this isn't said to be the least that a job has cost.
export const LEAST_DOLLARS = 1e-4
export const dollars = amount => {
  const digits = amount < 1 ? 4 : 2
  return `$${amount.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`
}
// Of this machine's clock; the report's times are put into the same words.
export const moment = iso => new Date(iso).toLocaleString("sv")

export function duration(seconds) {
  if (seconds < 60) return `${Number(seconds.toPrecision(2))}\u00a0s`
  const minutes = Math.floor(seconds / 60)
  const two = value => String(Math.floor(value)).padStart(2, "0")
  return minutes < 60 ? `${minutes}\u00a0min ${two(seconds % 60)}\u00a0s` : `${number(Math.floor(minutes / 60))}\u00a0h ${two(minutes % 60)}\u00a0min`
}

// An estimate, which no seconds make more exact.
export function roughly(seconds) {
  const step = seconds < 60 ? 1 : 60
  return duration(Math.max(1, Math.round(seconds / step)) * step).replace(" 00\u00a0s", "")
}

export const lasted = job => Math.max(0, (job.ended ? new Date(job.ended) : new Date()) - new Date(job.created)) / 1000

// A long name breaks where its words end, if it has such places.
export const breakable = name => name.split(/(?<=[_.-])/).flatMap(part => [part, document.createElement("wbr")])

// A sentence with its `names` as code. It begins with a capital letter, unless it begins with the name of a file.
export function sentence(text, name) {
  const isNamed = name && text.startsWith(name)
  const parts = (isNamed ? text : text[0].toUpperCase() + text.slice(1)).split(/`([^`]+)`/)
  return parts.map((part, at) => at % 2 ? element("code", part) : part)
}

export function element(tag, text, className) {
  const made = document.createElement(tag)
  made.textContent = text
  if (className) made.className = className
  return made
}

// Each state in words, with its icon, which has its colour.
const STATES = {
  UPLOADED: ["idle", "Uploaded"], RUNNING: ["busy", "Running"], CLOSING: ["busy", "Writing results…"],
  SUCCEEDED: ["good", "Succeeded"], COMPLETED_WITH_ERRORS: ["warn", "Completed with errors"],
  FAILED: ["bad", "Failed"], CANCELLED: ["idle", "Cancelled"],
}
// Jobs that this page has asked to be cancelled: it says so at once.
export const cancelling = new Set()

export function stateOf(job) {
  const asked = cancelling.has(job.id) || (job.state === "CLOSING" && job.reason === "cancelled")
  return asked && !ENDED.has(job.state) ? ["busy", "Cancelling…"] : STATES[job.state]
}

export function paint(pill, job) {
  const [look, words] = stateOf(job)
  if (pill.dataset.look === look && pill.textContent === words) return
  pill.dataset.look = look
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
  svg.setAttribute("aria-hidden", "true")
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use")
  use.setAttribute("href", `#icon-${look}`)
  svg.append(use)
  pill.replaceChildren(svg, words)
}
