// Who is signed in.
import { computed, signal } from "@preact/signals";
import { call, get, whenSignedOut } from "./api.js";
import { forgetOwn } from "./store.js";

/** @typedef {{id: string, email: string, roles: string[]}} User */

/** undefined: not known yet; null: nobody. @type {import("@preact/signals").Signal<User|null|undefined>} */
export const user = signal(undefined);

/** Whether it is an administrator; what they may do the server decides. */
export const isAdmin = computed(() => user.value?.roles.includes("admin") ?? false);

/** A change of password under way: what is said of the old session meanwhile is of no interest. */
let changing = Promise.resolve();

/** Ask the server; it may renew the session on the way. */
export async function load() {
  await changing;
  try {
    become((await get("/api/users/currentuser")).currentUser);
  } catch {
    if (user.peek() === undefined) become(null); // What is public can still be read.
  }
}

/** @param {User|null} next */
function become(next) {
  const known = user.peek();
  if (known === next || (known && next && written(known) === written(next))) return;
  if (known) forgetOwn();
  user.value = next;
}

/** Who it is, and in which roles. @param {User} who */
const written = ({ id, roles }) => [id, ...roles].join();

/** @param {"signin"|"signup"} how @param {string} email @param {string} password */
export async function enter(how, email, password) {
  await call("POST", `/api/users/${how}`, { body: { email, password } });
  await load();
}

export async function signOut() {
  try {
    await call("POST", "/api/users/signout");
  } finally {
    await load(); // Even where the server says no, this browser may have forgotten who it was.
  }
}

/** This session goes on as a new one; all others end. @param {string} currentPassword @param {string} newPassword */
export async function changePassword(currentPassword, newPassword) {
  const answer = call("POST", "/api/users/password", { body: { currentPassword, newPassword } });
  changing = answer.then(() => {}, () => {});
  await answer;
  await load();
}

export async function signOutEverywhere() {
  await call("POST", "/api/users/signout-everywhere");
  become(null);
}

whenSignedOut(() => become(null));
