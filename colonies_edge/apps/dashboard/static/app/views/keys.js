// Who you are: keys that stay in this browser.
import { h } from "../dom.js";
import { Signer } from "../identity.js";
import { fromFile } from "../session.js";
import { act, action, copyable, facts, field, section } from "../parts.js";

export async function show(page) {
  const { session } = page;
  const secret = (label) => h("input", { type: "password", autocomplete: "off", spellcheck: "false", "aria-label": label });
  const key = secret("Your private key"), owner = secret("The colony owner's private key");
  const colony = h("input", { required: true, value: session.colony || "dev", spellcheck: "false" });
  const file = h("input", { type: "file" });
  const remember = h("input", { type: "checkbox" });
  const button = h("button.primary", { type: "submit" }, "Use these keys");
  let server = session.serverid;
  remember.checked = session.remembered;
  file.addEventListener("change", async () => {
    if (!file.files.length) return; // another one was not chosen after all
    const values = fromFile(await file.files[0].text());
    if (!Object.keys(values).length) page.app.tell("This file has no private key in it: take a devenv, or a file with 64 hexadecimal digits.", "bad");
    key.value = values.key || key.value;
    owner.value = values.owner || owner.value;
    colony.value = values.colony || colony.value;
    server = values.server || server;
  });
  const use = async () => {
    const values = session.added({ key: key.value.trim(), owner: owner.value.trim(), colony: colony.value.trim(), server });
    if (!values.key) throw new Error("Give your private key: 64 hexadecimal digits, or a file that has it.");
    await check(page, values); // before those that work are given up
    session.use(values, { remember: remember.checked });
    page.app.identified();
    if (/^#\/keys/.test(location.hash)) page.go("/");
    else await page.app.route(); // where an address led before there were keys
  };
  const submit = (event) => {
    event.preventDefault();
    act(page, button, use);
  };
  page.show(
    page.heading("Keys"),
    session.signer ? inUse(page) : h("p", {}, "The keys sign your requests here, in your browser. They are never sent, and are forgotten when this page is closed."),
    h(
      "form.card.submit", { onsubmit: submit },
      field("From a file", file, "a devenv of colonies-edge, or a key file"),
      field("Your private key", key, session.signer ? "empty: the one in use" : ""), field("Colony", colony),
      field("Colony owner's private key", owner, "only to approve, reject and remove executors, and to pause the colony"),
      h("label.check", {}, remember, " keep them until this tab is closed, also when the page is loaded again"),
      h("div.actions", button),
    ),
  );
}

// Whether these keys do what they are for: yours is a member's, and the owner's identity is the colony's id.
async function check(page, { key, owner, colony, server }) {
  const signer = new Signer(key), identity = owner && new Signer(owner).identity;
  const { colonyid } = await page.call("getcolonymsg", { colonyname: colony }, { signer, serverid: server || "" });
  if (identity && identity !== colonyid) throw new Error(`This is not the key of the owner of ${colony}.`);
}

function inUse(page) {
  const { signer, owner, colony } = page.session;
  const forget = action(page, "Forget the keys", async () => {
    page.session.forget();
    await page.app.lookAround();
    page.app.identified();
    await page.app.route();
  });
  return section("In use", facts([["You", copyable(signer.identity)], ["Colony owner", owner && copyable(owner.identity)], ["Colony", colony]]), h("div.actions", forget));
}
