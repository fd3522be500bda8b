// Who uses the page: whoever came by the link. Its token begins a session, whose own token each request carries in a
// header. Both are kept from other ports of this machine, which a cookie would reach.
import { sentence } from "./words.js"

export const find = (selector, within = document) => within.querySelector(selector)
const KEY = "fanfold-session"
let isAway = false

export function say(selector, message, name, within = document) {
  const place = find(selector, within)
  place.replaceChildren(...message ? sentence(message, name) : [])
  place.hidden = !message
}

export const trouble = (message, name) => say("#trouble", message, name)
export const hasSession = () => sessionStorage.getItem(KEY) !== null

export function authorize(set, token = sessionStorage.getItem(KEY)) {
  if (token) set("Authorization", `Bearer ${token}`)
}

export function leaveIfEnded(status) {
  if (status !== 401) return
  sessionStorage.removeItem(KEY)
  find("main").hidden = true
}

export async function ask(address, { token, ...options } = {}) {
  const headers = new Headers()
  authorize((name, value) => headers.set(name, value), token)
  let answer
  try {
    answer = await fetch(address, { ...options, headers })
  } catch {
    isAway = true
    throw new Error("the console does not respond: is `fanfold` still running in its terminal?")
  }
  if (isAway) {
    isAway = false
    trouble()
  }
  const content = await answer.json()
  leaveIfEnded(answer.status)
  if (!answer.ok) throw Object.assign(new Error(content.error), { status: answer.status })
  return content
}

// Runs what may fail and says why it did.
export async function attempt(action) {
  try {
    trouble()
    return await action()
  } catch (error) {
    trouble(`${error.message}`)
  }
}

// A session if the page was opened with the link, whose token then stays in no history.
export async function begin() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token")
  if (!token) return
  history.replaceState(null, "", location.pathname)
  sessionStorage.setItem(KEY, (await ask("/api/session", { method: "POST", token })).token)
}
