// A window that was opened for a log-in tells the pages of its site that somebody is logged in now, and closes.
"use strict";

new BroadcastChannel("mayfly").postMessage("logged in");
window.close();
