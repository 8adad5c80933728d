// The console in a real browser against a real shop: clicks as a person would, and takes every
// console error, policy violation and failed request for a failure. Started by run_test.sh.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { hostile_customer, place_order, restock, set_provider } from "./shop_orders.mjs";

function need(name) {
  if (process.env[name]) return process.env[name];
  throw new Error(`${name} is not set; run this test with console/run_test.sh PATH_OF_THE_SHOP`);
}

const admin = need("TIDEMARK_ADMIN_URL");
const api = need("TIDEMARK_API_URL");
const pictures = process.env.TIDEMARK_SCREENSHOTS ?? "";
const { chromium } = await import(process.env.TIDEMARK_PLAYWRIGHT ?? "playwright-core");
const orders = 12;
const patience = 60000; // a busy machine is no failure
const wide = { width: 1440, height: 900 };
const narrow = { width: 400, height: 800 };

let browser, page;
const complaints = [];
let offline = false;

const fetch_json = async (path) => (await fetch(admin + path)).json();

/** Repeats a question until the answer is yes; the deadline only ends a test that has failed. */
async function soon(claim, question) {
  const deadline = Date.now() + patience;
  while (Date.now() < deadline) {
    if (await question()) return;
    await page.waitForTimeout(50);
  }
  assert.fail(`not within ${patience / 1000} s: ${claim}`);
}

const open = (hash) => page.goto(`${admin}/${hash}`);
const role = (kind, name, exact = false) => page.getByRole(kind, { name, exact });

async function picture(name) {
  if (pictures) await page.screenshot({ path: `${pictures}/console-${name}.png` });
}

/** Complaints so far; a test ends with none. */
function assert_clean() {
  assert.deepEqual(complaints.splice(0), []);
}

function listen(target) {
  const complain = (text) => !offline && complaints.push(text);
  target.setDefaultTimeout(patience);
  target.on("pageerror", (error) => complain(`page error: ${error.stack}`));
  target.on("dialog", (dialog) => complain(`dialog: ${dialog.message()}`));
  target.on("console", (message) => {
    if (message.type() === "error")
      complain(`console: ${message.text()} ${message.location().url}`);
  });
  target.on("requestfailed", (request) => {
    // Leaving a page ends its requests; that is no failure.
    if (request.failure()?.errorText !== "net::ERR_ABORTED") complain(`failed: ${request.url()}`);
  });
  target.on("response", (response) => {
    if (response.status() >= 400) complain(`${response.status()}: ${response.url()}`);
    if (!response.url().startsWith(admin)) complain(`another origin: ${response.url()}`);
  });
}

before(async () => {
  await restock(api);
  await place_order(api, hostile_customer);
  for (let n = 1; n < orders; ++n) await place_order(api);
  browser = await chromium.launch({
    executablePath: process.env.TIDEMARK_CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  const context = await browser.newContext({
    viewport: wide,
    colorScheme: "light",
    reducedMotion: "reduce", // no picture of a half-way colour
  });
  await context.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", (event) =>
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`),
    ),
  );
  page = await context.newPage();
  listen(page);
});

after(() => browser?.close());

test("console: it is served under a strict content policy, icon included", async () => {
  const response = await open("");
  const policy = response.headers()["content-security-policy"] ?? "";
  for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"]) {
    assert.ok(policy.includes(part), `${part} in ${policy}`);
  }
  assert.ok(!policy.includes("unsafe"), policy);
  assert.equal((await fetch(`${admin}/favicon.svg`)).status, 200);
  assert_clean();
});

test("overview: mode, lamps, figures and sagas appear and move", async () => {
  await open("#/overview");
  await page.getByText(/^Development mode/).waitFor();
  await role("status", "State of the process").getByText("Store").waitFor();
  const completed = role("table", "Sagas by state").locator(".state.completed");
  await soon(
    "the orders are completed",
    async () => (await completed.count()) > 0 && Number(await completed.first().textContent()) > 0,
  );
  const total = role("region", "Events").getByText(/since start/);
  const earlier = await total.textContent();
  await place_order(api);
  await soon("the total of events grows", async () => (await total.textContent()) !== earlier);
  await picture("overview");
  assert_clean();
});

test("overview: dark and narrow, it keeps within the screen", async () => {
  await page.emulateMedia({ colorScheme: "dark" });
  await picture("overview-dark");
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(narrow);
  for (const hash of [
    "#/overview",
    "#/live",
    "#/streams",
    "#/sagas",
    "#/dead-letters",
    "#/about",
  ]) {
    await open(hash);
    await page.locator("main h1").waitFor();
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(over <= 0, `${hash} is ${over} px wider than the screen`);
  }
  await picture("narrow");
  await page.setViewportSize(wide);
  assert_clean();
});

const rows = () => role("table", "Events, newest first").locator("tbody tr");
const first_position = async () => Number(await rows().first().locator("td").nth(4).textContent());

test("live: an order shows up by itself, a pause holds it back, going on shows it", async () => {
  await open("#/live");
  await page.getByText("live", { exact: true }).waitFor();
  await rows().first().waitFor();
  const begin = await first_position();
  await place_order(api);
  await soon("a newer event is on top", async () => (await first_position()) > begin);
  await role("button", "Pause").click();
  const held = await first_position();
  await place_order(api);
  await page.getByRole("button", { name: /Go on \(\d+ new\)/ }).waitFor();
  assert.equal(await first_position(), held);
  await page.getByRole("button", { name: /Go on/ }).click();
  await soon("what was held back is shown", async () => (await first_position()) > held);
  assert_clean();
});

test("live: a filter narrows the rows, a row opens the event, Escape leads back", async () => {
  await page.keyboard.press("/");
  await page.keyboard.type("stream:order-");
  const streams = rows().locator("td:nth-child(3)");
  await soon("only orders are left", async () => {
    const names = await streams.allTextContents();
    return names.length > 0 && names.every((name) => name.startsWith("order-"));
  });
  await picture("live");
  await rows().first().locator("button").focus();
  const focused = await page.evaluate(() => document.activeElement.textContent);
  await page.keyboard.press("Enter");
  const sheet = role("dialog", "Event");
  await sheet.getByText("Payload").waitFor();
  await sheet.getByText("Correlation").waitFor();
  await picture("live-event");
  await page.keyboard.press("Escape");
  await sheet.waitFor({ state: "hidden" });
  assert.equal(await page.evaluate(() => document.activeElement.textContent), focused);
  assert_clean();
});

test("streams: a key, a prefix and a click lead to an order", async () => {
  await page.locator("h1").click();
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await role("heading", "Streams").first().waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("order-");
  const links = role("table", "Streams").locator("tbody a");
  await soon("only orders are listed", async () => {
    const names = await links.allTextContents();
    return names.length >= orders && names.every((name) => name.startsWith("order-"));
  });
  await picture("streams");
  await links.first().click();
  await page.waitForURL(/#\/stream\/order-/);
  assert_clean();
});

/** The marks on the page and the changes that the server reports for the version on the slider. */
async function compare_marks(stream, version) {
  const { changed } = await fetch_json(
    `/admin/v1/streams/${encodeURIComponent(stream)}/state?at=${version}`,
  );
  assert.ok(changed.length > 0, `${stream} v${version} changes something`);
  await page
    .getByText(`${changed.length} field${changed.length === 1 ? "" : "s"} changed by v${version}`)
    .waitFor();
  assert.equal(await page.locator(".tree .changed").count(), changed.length);
}

/** An order with enough versions to move the slider on. */
async function grown_order() {
  let found;
  await soon("an order has two versions", async () => {
    const { items } = await fetch_json("/admin/v1/streams?prefix=order-&limit=100");
    found = items.find((item) => item.version >= 2);
    return Boolean(found);
  });
  return found.stream;
}

test("stream: the slider shows the state at a version with the changed fields marked", async () => {
  const stream = await grown_order();
  await open(`#/stream/${encodeURIComponent(stream)}`);
  const slider = role("slider", "Version");
  await slider.waitFor();
  await slider.focus();
  await page.keyboard.press("Home");
  await page.getByText("the first event").waitFor();
  await page.keyboard.press("ArrowRight");
  await compare_marks(stream, 2);
  await picture("stream");
  await role("button", "One version back").click();
  await page.getByText("the first event").waitFor();
  await role("table", "Versions, newest first")
    .getByRole("button", { name: "v2", exact: true })
    .click();
  await compare_marks(stream, 2);
  assert.match(page.url(), /v=2$/);
  assert_clean();
});

test("stream: a customer whose name is markup is a text like any other", async () => {
  const { items } = await fetch_json("/admin/v1/streams?prefix=order-&limit=500");
  let shown = false;
  for (const { stream } of items) {
    const { state } = await fetch_json(`/admin/v1/streams/${encodeURIComponent(stream)}/state`);
    if (!JSON.stringify(state).includes(JSON.stringify(hostile_customer))) continue;
    await open(`#/stream/${encodeURIComponent(stream)}`);
    await page.locator(".tree").getByText(hostile_customer).first().waitFor();
    assert.equal(await page.locator("main img").count(), 0);
    assert.notEqual(await page.title(), "owned");
    shown = true;
  }
  assert.ok(shown, "the order of the hostile customer was found");
  assert_clean();
});

test("saga: from the list to its steps, its timeline and a stream it wrote to", async () => {
  await open("#/sagas");
  await page.getByRole("button", { name: /^completed/ }).click();
  const list = role("table", "Sagas").locator("tbody tr");
  await soon("only completed sagas are listed", async () => {
    const states = await list.locator(".chip").allTextContents();
    return states.length > 0 && states.every((state) => state === "completed");
  });
  await picture("sagas");
  const stream = await list.first().locator("a").textContent();
  await list.first().click();
  const saga = await fetch_json(`/admin/v1/sagas/${encodeURIComponent(stream)}`);
  await soon(
    "each step is shown",
    async () => (await page.locator(".saga-step").count()) === saga.steps.length,
  );
  assert.equal(await role("table", "Timeline").locator("tbody tr").count(), saga.timeline.length);
  await page.locator(".saga-step.succeeded").first().waitFor();
  await picture("saga");
  await page.locator(".saga-step a").first().click();
  await page.getByText(/fields? changed by v|the first event/).waitFor();
  assert_clean();
});

test("saga: a stuck one shows the commands that let it go on, and only a stuck one", async () => {
  const { items } = await fetch_json("/admin/v1/sagas?limit=1");
  const { stream } = items[0];
  const path = `/admin/v1/sagas/${encodeURIComponent(stream)}`;
  await open(`#/sagas/${stream}`);
  await page.locator(".saga-step").first().waitFor();
  assert.equal(await page.locator(".command").count(), 0);
  const saga = { ...(await fetch_json(path)), state: "stuck" };
  await page.route(admin + path, (route) => route.fulfill({ json: saga }));
  await page.getByText(`saga resume ${stream} --reason 'cause fixed'`).waitFor();
  assert.equal(await page.locator(".command").count(), 3);
  await page.unroute(admin + path);
  assert_clean();
});

const letters = async () => (await fetch_json("/admin/v1/dead-letters")).items;

/** One letter at least: a charge whose every attempt failed. */
async function break_payments() {
  await set_provider(api, 1);
  await soon("a charge is given up on", async () => {
    await place_order(api);
    return (await letters()).length > 0;
  });
  await set_provider(api, 0);
  // No attempt is under way any more, so no letter comes when nobody expects it.
  await soon("what can succeed has", async () => {
    const { effects } = await fetch_json("/admin/v1/overview");
    return effects.ready + effects.leased + effects.waiting === 0;
  });
}

async function replay({ effect }) {
  const response = await fetch(`${admin}/admin/v1/dead-letters/${effect}/replay`, {
    method: "POST",
    headers: { "Tidemark-Admin": "1", "Content-Type": "application/json" },
    body: JSON.stringify({ actor: "console test", reason: "provider is back" }),
  });
  assert.equal(response.status, 200, await response.text());
}

test("dead letters: none is said to be none", async () => {
  assert.deepEqual(await letters(), []);
  await open("#/dead-letters");
  await page.getByText("No dead letters.").waitFor();
  assert_clean();
});

test("dead letters: one shows up with its error and this program's commands", async () => {
  const { program } = await fetch_json("/version");
  await break_payments();
  const [letter] = await letters();
  const listed = role("table", "Dead letters").locator("tbody tr");
  await listed.filter({ hasText: letter.effect }).getByRole("link").click();
  const sheet = page.locator(".letter");
  await sheet.getByText("the payment provider did not answer").waitFor();
  await sheet.getByText(`${letter.kind} payment.charge_card.v1`).waitFor();
  for (const [verb, option] of [
    ["show", ""],
    ["replay", " --dry-run"],
    ["replay", " --reason 'cause fixed'"],
    ["drop", " --reason 'why it is safe'"],
  ]) {
    const command = `${program} dlq ${verb} ${letter.effect}${option} --url ${admin}`;
    await sheet.getByText(command, { exact: true }).waitFor();
  }
  assert.equal(program, "shop");
  await picture("dead-letters");
  for (const each of await letters()) await replay(each);
  await page.getByText("No dead letters.").waitFor();
  assert_clean();
});

test("about: the settings are those of the process, and the log is consistent", async () => {
  const { items } = await fetch_json("/admin/v1/config?limit=500");
  await open("#/about");
  const settings = role("table", "Settings").locator("tbody tr");
  await soon("each setting is listed", async () => (await settings.count()) === items.length);
  await role("button", "Check the log now").click();
  await page
    .locator(".lamp.ok")
    .getByText(/events checked in/)
    .waitFor();
  await picture("about");
  assert_clean();
});

test("switches: times in UTC, theme by hand, keys by question mark", async () => {
  await open("#/live");
  await rows().first().waitFor();
  await page.locator("#zone").click();
  assert.match(await rows().first().locator("time").getAttribute("title"), / UTC$/);
  await page.locator("#theme").click();
  await page.locator("#theme").click();
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
  await page.reload();
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
  await page.keyboard.press("?");
  await role("dialog", "Keyboard").waitFor();
  await page.keyboard.press("Escape");
  assert_clean();
});

test("unreachable: a banner says so, and goes when the process answers again", async () => {
  await open("#/overview");
  await page.getByText(/^Development mode/).waitFor();
  offline = true;
  await page.context().setOffline(true);
  await page
    .locator("#unreachable")
    .getByText(/No answer from/)
    .waitFor();
  await picture("unreachable");
  await page.context().setOffline(false);
  await page.locator("#unreachable").waitFor({ state: "hidden" });
  offline = false;
  assert_clean();
});
