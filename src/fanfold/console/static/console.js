// The page's behaviour: which view is shown, and what the stack is.
import { follow } from "./job.js"
import { current, list, mark, refresh } from "./list.js"
import { ask, attempt, begin, find, trouble } from "./session.js"
import { listen, setDefaults, showUpload } from "./upload.js"

function introduce({ name, endpoint, model, defaults, trouble: words }) {
  find("#stack .name-of").textContent = name
  find("#stack .endpoint").textContent = endpoint
  find("#stack .model b").textContent = model
  find("#stack .model").hidden = !model
  find("#stack").hidden = false
  setDefaults(defaults)
  trouble(words)
}

async function route() {
  const id = current()
  document.body.dataset.view = id ? "job" : "new"
  find("#upload").hidden = !id
  showUpload(!id)
  mark()
  await follow()
}

window.addEventListener("hashchange", async () => {
  // The link again, in the same window.
  if (location.hash.startsWith("#token=")) return location.reload()
  trouble()
  await route()
  if (!current()) return find("#file").focus()
  const job = find("#job"), { top } = job.getBoundingClientRect()
  if (top < 0 || top > innerHeight / 3) job.scrollIntoView()
  job.focus({ preventScroll: true })
})

listen(async begun => {
  // Who looks at another job meanwhile goes on.
  if (!current()) location.hash = begun.id
  await list()
})
await attempt(async () => {
  await begin()
  introduce(await ask("/api/stack"))
  find("main").hidden = false
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { list(); follow() } })
  route()
  refresh()
})
