// Waits until the process with the given id is ready at TIDEMARK_ADMIN_URL. Fails when it ends, or
// after half a minute.

import { existsSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

const url = `${process.env.TIDEMARK_ADMIN_URL}/readyz`;
const deadline = Date.now() + 30000;

async function is_ready() {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1000) })).ok;
  } catch {
    return false; // not listening yet
  }
}

while (!(await is_ready())) {
  if (!existsSync(`/proc/${process.argv[2]}`) || Date.now() > deadline) {
    console.error(`${url} did not become ready`);
    process.exit(1);
  }
  await pause(50);
}
