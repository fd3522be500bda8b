// What came of a job: its rows, a page at a time, and beside them its report.
import { ask, attempt, find } from "./session.js"
import { counted, element, moment, number } from "./words.js"

const TYPING_MS = 300, SO_FAR_MS = 3000, PAGE_ROWS = 50
// Columns of the file's own beside its input; a row that is opened shows all.
const MOST_OTHERS = 2, MOST_FOUND = 4
const section = find("#rows"), form = find(".filters", section), which = form.elements.which
const report = find("#report"), tabList = find("[role=tablist]"), frame = find("iframe", report), tabs = [...document.querySelectorAll("[role=tab]")]
const turners = [find(".previous", section), find(".next", section)]
let job, places, typing, soFar

export function showResults(ended) {
  if (ended.id === job?.id) return
  job = ended
  soFar = undefined
  tabList.hidden = form.hidden = false
  form.reset()
  const labels = Object.entries(job.labels ?? {}).sort(([, a], [, b]) => b - a)
  which.replaceChildren(new Option(`All rows (${number(job.rows)})`, ""))
  if (job.failed) which.append(new Option(`Without a prediction (${number(job.failed)})`, "failed"))
  which.append(...labels.map(([label, rows]) => new Option(`${label} (${number(rows)})`, `label:${label}`)))
  choose(tabs[0])
  // Those of another job.
  clear()
  find(".pages", section).hidden = true
  load([""])
}

// The first rows of a job at work that have an answer: again now and then, until they fill a page.
export async function showSoFar({ id, done }) {
  const body = find("tbody", section)
  if (soFar?.id !== id) {
    job = undefined
    choose(tabs[0])
    clear()
    tabList.hidden = form.hidden = find(".pages", section).hidden = true
    find(".range", section).textContent = "Reading rows…"
  } else if (soFar.isFull || soFar.done === done || Date.now() < soFar.next || body.contains(document.activeElement)) return
  const mine = soFar = { id, done, next: Date.now() + SO_FAR_MS }
  // What could not be read is asked for again; the job itself says what is wrong.
  const page = await ask(`/api/jobs/${encodeURIComponent(id)}/rows`).catch(() => undefined)
  if (soFar !== mine || !page?.rows.length) return
  mine.isFull = page.rows.length >= PAGE_ROWS
  clear()
  fill(page)
  find(".range", section).textContent = `The first ${counted(page.rows.length, "row")} with an answer so far`
}

// ── Rows ────────────────────────────────────────────────────────────────────────────────────────────────────────────
// The page at the last of these places; the pages before it begin at the others.
async function load(at) {
  places = at
  const { id } = job, asked = new URLSearchParams({ at: at.at(-1), text: form.elements.text.value, order: form.elements.order.value })
  if (which.value === "failed") asked.set("failed", "true")
  else if (which.value) asked.set("label", which.value.slice("label:".length))
  find(".range", section).textContent = "Reading rows…"
  turners.forEach(button => button.disabled = true)
  const page = await attempt(() => ask(`/api/jobs/${encodeURIComponent(id)}/rows?${asked}`))
  // Another page may have been asked for meanwhile.
  if (places !== at || job.id !== id) return
  draw(page)
}

function draw(page) {
  turners.forEach(button => button.disabled = false)
  const isFiltered = which.value || form.elements.text.value
  find(".range", section).textContent = page ? range(page, isFiltered) : ""
  clear()
  find(".previous", section).hidden = places.length < 2
  find(".next", section).hidden = !page?.next
  find(".pages", section).hidden = places.length < 2 && !page?.next
  if (!page) return
  // Of a large file, a page may hold what was found so far.
  const goesOn = (isFiltered || form.elements.order.value) && page.rows.length < PAGE_ROWS
  find(".next", section).textContent = goesOn ? "Look through the next rows" : "Next"
  find(".next", section).dataset.at = page.next
  form.elements.order.parentElement.hidden = page.score === null
  if (page.rows.length) fill(page)
}

function clear() {
  for (const part of ["thead", "tbody"]) find(part, section).replaceChildren()
}

function fill(page) {
  const columns = choice(page)
  const head = document.createElement("tr")
  head.append(heading("Row"), ...columns.map(column => heading(page.columns[column], column === page.score ? "number" : "")))
  find("thead", section).append(head)
  find("tbody", section).append(...page.rows.map(([place, cells]) => row(place, cells, columns, page)))
}

function range({ rows, first, end, next }, isFiltered) {
  const isWhole = !first && end >= job.rows
  const within = isWhole ? `all ${counted(job.rows, "row")}` : `rows ${number(first)} to ${number(end - 1)} of ${number(job.rows)}`
  if (!job.rows) return "The job has no rows."
  if (form.elements.order.value) return rows.length ? `Lowest scores among ${within}` : `No row with a score among ${within}`
  if (isFiltered) return rows.length ? `${counted(rows.length, "row")} found in ${within}` : `No row found in ${within}`
  return `Rows ${number(first)} to ${number(end - 1)} of ${number(job.rows)}, counted from 0`
}

// The input, what the model found, the error if there is one, and some others: what fits.
function choice({ columns, own, input, rows }) {
  const last = columns.length - 1
  const failed = rows.some(([, cells]) => cells[last]) ? [last] : []
  const most = MOST_OTHERS - failed.length + (input === null ? 1 : 0)
  const others = [...Array(own).keys()].filter(column => column !== input).slice(0, most)
  const found = [...Array(last - own).keys()].map(column => column + own).slice(0, MOST_FOUND)
  return [...(input === null ? others : [input]), ...found, ...failed, ...(input === null ? [] : others)]
}

const heading = (name, look = "") => Object.assign(element("th", name, look), { scope: "col" })

function row(place, cells, columns, page) {
  const made = document.createElement("tr"), opener = element("button", number(place), "opener")
  opener.type = "button"
  opener.title = "Show the whole row"
  opener.setAttribute("aria-expanded", "false")
  opener.setAttribute("aria-label", `Row ${number(place)}`)
  const lead = document.createElement("th")
  lead.scope = "row"
  lead.append(opener)
  made.append(lead, ...columns.map(column => cell(cells[column], column, page)))
  opener.addEventListener("click", () => {
    const isOpen = opener.getAttribute("aria-expanded") === "true"
    opener.setAttribute("aria-expanded", !isOpen)
    if (isOpen) made.nextElementSibling.remove()
    else made.after(whole(cells, columns.length + 1, page))
  })
  return made
}

function cell(text, column, { columns, label, score, own, input }) {
  const isLast = column === columns.length - 1
  if (column === score && text !== "" && !Number.isNaN(Number(text))) {
    const made = element("td", Number(text).toFixed(3), "number")
    made.title = text
    return made
  }
  const look = isLast ? "error" : column === label ? "label" : column === input ? "text" : column >= own ? "found" : "other"
  const made = element("td", "", look)
  made.append(element(column === label && text ? "b" : "span", text))
  made.firstChild.dir = "auto"
  return made
}

// All cells of a row, under it.
function whole(cells, width, { columns }) {
  const line = document.createElement("tr"), place = document.createElement("td"), facts = document.createElement("dl")
  line.className = "whole"
  place.colSpan = width
  for (const [column, name] of columns.entries()) {
    const value = element("dd", cells[column] || "(empty)", cells[column] ? "" : "quiet")
    value.dir = "auto"
    facts.append(element("dt", name), value)
  }
  place.append(facts)
  line.append(place)
  return line
}

form.addEventListener("submit", event => event.preventDefault())
which.addEventListener("change", () => load([""]))
form.elements.order.addEventListener("change", () => load([""]))
form.elements.text.addEventListener("input", () => {
  clearTimeout(typing)
  typing = setTimeout(() => load([""]), TYPING_MS)
})
find(".next", section).addEventListener("click", event => turn([...places, event.target.dataset.at]))
find(".previous", section).addEventListener("click", () => turn(places.slice(0, -1)))

async function turn(at) {
  await load(at)
  form.scrollIntoView()
}

// ── The report ──────────────────────────────────────────────────────────────────────────────────────────────────────
function choose(tab) {
  for (const other of tabs) {
    other.setAttribute("aria-selected", other === tab)
    other.tabIndex = other === tab ? 0 : -1
    find(`#${other.getAttribute("aria-controls")}`).hidden = other !== tab
  }
  if (tab === tabs[1]) show(`${job.files}report.html`)
  fit()
}

function show(address) {
  if (frame.getAttribute("src") === address) return
  frame.src = address
  report.classList.add("loading")
}

for (const [at, tab] of tabs.entries()) {
  tab.addEventListener("click", () => choose(tab))
  tab.addEventListener("keydown", event => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (!step) return
    const next = tabs[(at + step + tabs.length) % tabs.length]
    choose(next)
    next.focus()
  })
}

// As high as what is in it, which has the same origin and no scripts.
export function fit() {
  const content = frame.contentDocument?.documentElement
  if (content?.classList.contains("embedded")) frame.style.height = `${content.offsetHeight + 2}px`
}

frame.addEventListener("load", () => {
  const content = frame.contentDocument
  if (!content) return
  // What the page says already is not said again, and all times are of one clock.
  content.documentElement.classList.add("embedded")
  for (const time of content.querySelectorAll("time")) time.textContent = moment(time.dateTime)
  report.classList.remove("loading")
  fit()
  for (const table of content.querySelectorAll("details")) table.addEventListener("toggle", fit)
})
