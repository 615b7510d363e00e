"""What the dashboard consists of: what is served and how, what is by others, and the parts that need no browser."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
from pathlib import Path

import pytest

from colonies_edge.apps.dashboard import PREFIX, pages
from colonies_edge.crypto.identity import Signer
from tests.support.http import said
from tests.support.http_colony import HttpColony
from tests.support.node import STATIC, node

SCRIPTS = sorted((STATIC / "app").rglob("*.js"))
TRANSFER_BYTES_MAX = 200_000
KEY = "d6eb959e9aec2e6fdc44b5862b269e987b8a4d6f2baca542d8acaa97ee5e74f6"


# --- what is served


def test_everything_together_is_small() -> None:
    served = {page.make().body: len(page.make().gzipped) for page in pages().values()}
    assert sum(served.values()) < TRANSFER_BYTES_MAX / 1.5, "with room for the answers of a first look"


def test_the_compressed_body_is_the_same_and_reproducible() -> None:
    once, again = pages(), pages()
    for path, page in once.items():
        assert gzip.decompress(page.make().gzipped) == page.make().body
        assert again[path].make() == page.make()


def test_a_policy_forbids_everything_from_elsewhere(tmp_path: Path) -> None:
    with HttpColony(tmp_path, pages=pages()) as colony:
        for path in pages():
            answer = said(colony.http, "GET", path, headers={"Accept-Encoding": "gzip"})
            assert answer.status == 200
            policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
            assert policy["default-src"] == "'none'"
            assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
            assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
            assert policy["require-trusted-types-for"] == "'script'"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["content-encoding"] == "gzip"


def test_what_a_browser_has_already_is_not_sent_again(tmp_path: Path) -> None:
    with HttpColony(tmp_path, pages=pages()) as colony:
        first = said(colony.http, "GET", "/")
        assert "content-encoding" not in first.headers
        assert first.body == (STATIC / "index.html").read_bytes()
        again = said(colony.http, "GET", "/", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status, again.body) == (304, b"")


def test_the_lock_of_foreign_code_is_for_people_and_not_served() -> None:
    assert not [path for path in pages() if path.endswith(".json")]


def test_all_that_is_linked_is_served() -> None:
    served = set(pages())
    page = (STATIC / "index.html").read_text()
    linked = re.findall(r'(?:href|src)="(/[^"]+)"', page)
    imported = [
        (script.parent / name).resolve().relative_to(STATIC).as_posix()
        for script in SCRIPTS
        for name in re.findall(r'(?:from|import)\s+"(\.[^"]+)"', script.read_text())
    ]
    routed = re.findall(r'page\("[^"]+", "[^"]+", "[^"]*", "(\w+)"', (STATIC / "app" / "routes.js").read_text())
    assert linked and imported and len(routed) >= 15
    wanted = {*linked, *(PREFIX + name for name in imported), *(f"{PREFIX}app/views/{name}.js" for name in routed)}
    assert wanted <= served, f"not served: {wanted - served}"


# --- how it is written


def test_foreign_code_is_what_its_lock_says() -> None:
    lock = json.loads((STATIC / "vendor" / "vendored.json").read_text())
    pinned = {name: digest for package in lock for name, digest in package["files"].items()}
    there = {
        path.relative_to(STATIC / "vendor").as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (STATIC / "vendor").rglob("*.js")
    }
    assert there == pinned
    assert all(
        package["license"] == "MIT" and "Permission is hereby granted" in package["licensetext"] for package in lock
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_short_says_what_it_is_for_and_makes_no_html_of_text(script: Path) -> None:
    text = script.read_text()
    assert text.startswith("// "), "open with one sentence that says what it is for"
    assert len(text.splitlines()) <= 400
    for banned in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        'setAttribute("style',
    ):
        assert banned not in text, f"{banned}: make elements with dom.js"
    for line in text.splitlines():
        assert "http://" not in line.replace("http://www.w3.org/2000/svg", "") and "https://" not in line


# --- identities and signatures


def test_identities_and_signatures_are_those_of_python_byte_for_byte() -> None:
    luck = random.Random(7)
    keys = [KEY, "0" * 63 + "1", *(luck.randbytes(32).hex() for _ in range(20))]
    texts = ["", "hello", "eyJtc2d0eXBlIjoiZ2V0Y29sb25pZXNtc2cifQ==", *(luck.randbytes(40).hex() for _ in range(5))]
    script = f"""
      import {{ Signer }} from "$/identity.js";
      const out = {json.dumps(keys)}.map((key) => {{
        const signer = new Signer(key);
        return [signer.identity, ...{json.dumps(texts)}.map((text) => signer.sign(text))];
      }});
      console.log(JSON.stringify(out));
    """
    expected = [[Signer(key).identity, *(Signer(key).sign(text.encode()) for text in texts)] for key in keys]
    assert json.loads(node(script)) == expected


@pytest.mark.parametrize("key", ["", "abc", "g" * 64, "0" * 64, "f" * 64, KEY + "00"])
def test_what_is_no_key_is_refused_with_a_sentence(key: str) -> None:
    script = f"""
      import {{ InvalidKey, Signer }} from "$/identity.js";
      try {{ new Signer({json.dumps(key)}); console.log("taken"); }}
      catch (error) {{ console.log(error instanceof InvalidKey, error.message.endsWith(".")); }}
    """
    assert node(script).strip() == "true true"


def test_a_key_does_not_show_where_its_signer_is_looked_at() -> None:
    script = f"""
      import {{ Signer }} from "$/identity.js";
      import {{ inspect }} from "node:util";
      console.log(inspect(new Signer("{KEY}"), {{ depth: 9 }}), JSON.stringify(new Signer("{KEY}")));
    """
    assert KEY[:16] not in node(script)


# --- the parts that can be looked at without a browser


def test_texts_of_any_kind_survive_base64() -> None:
    script = r"""
      import { base64, bytesOf } from "$/call.js";
      const text = "åäö 🎉 \u0000 " + "x".repeat(200000);
      console.log(new TextDecoder().decode(bytesOf(base64(new TextEncoder().encode(text)))) === text);
    """
    assert node(script).strip() == "true"


def test_keys_are_read_from_fragments_and_files() -> None:
    script = f"""
      import {{ fromFile, fromFragment }} from "$/session.js";
      console.log(JSON.stringify([
        fromFragment("#key={KEY}&colony=dev"), fromFragment("#/processes?state=1"), fromFragment(""),
        fromFile('# dev\\nexport COLONIES_PRVKEY="{KEY}"\\nexport COLONIES_COLONY_NAME="lab"\\nexport X_MQTT="x"\\n'),
        fromFile("COLONIES_COLONY_PRVKEY={KEY}\\n"), fromFile("{KEY}\\n"), fromFile("a letter"),
      ]));
    """
    assert json.loads(node(script)) == [
        {"key": KEY, "owner": "", "colony": "dev", "server": ""},
        None,
        None,
        {"key": KEY, "colony": "lab"},
        {"owner": KEY},
        {"key": KEY},
        {},
    ]


def test_a_workflow_is_drawn_with_parents_above_children_and_nothing_over_another() -> None:
    script = """
      import { HIGH, WIDE, layered } from "$/layout.js";
      const nodes = Array.from({ length: 2000 }, (_, n) => `n${n}`);
      const edges = nodes.slice(1).flatMap((id, n) => [[nodes[Math.floor(n / 3)], id], [nodes[Math.floor(n / 7)], id]]);
      const { at, width, height } = layered(nodes, edges);
      const taken = new Map();
      let wrong = 0;
      for (const [from, to] of edges) if (at.get(from).y + HIGH > at.get(to).y) wrong += 1;
      for (const { x, y } of at.values()) {
        if (x < 0 || y < 0 || x + WIDE > width + 1 || y + HIGH > height + 1) wrong += 1;
        const row = taken.get(y) ?? taken.set(y, []).get(y);
        if (row.some((other) => Math.abs(other - x) < WIDE)) wrong += 1;
        row.push(x);
      }
      console.log(at.size, wrong);
    """
    assert node(script).split() == ["2000", "0"]


def test_what_is_no_proper_workflow_is_drawn_all_the_same() -> None:
    script = """
      import { layered } from "$/layout.js";
      const circle = layered(["a", "b", "c"], [["a", "b"], ["b", "a"], ["c", "nobody"], ["nobody", "c"]]);
      console.log(circle.at.size, layered([], []).at.size);
    """
    assert node(script).split() == ["3", "0"]


def test_addresses_lead_to_pages() -> None:
    script = """
      import { routeOf } from "$/routes.js";
      const show = (hash, ready = true) => {
        const { route, params } = routeOf(hash, ready);
        return [route.path, params];
      };
      console.log(JSON.stringify([
        show(""), show("#/processes?state=3&label=a%20b"), show("#/process/abc"), show("#/executor/a%2Fb"),
        show("#/nowhere"), show("#/processes", false),
      ]));
    """
    assert json.loads(node(script)) == [
        ["/", {}],
        ["/processes", {"state": "3", "label": "a b"}],
        ["/process/", {"id": "abc"}],
        ["/executor/", {"id": "a/b"}],
        ["/", {}],
        ["/keys", {}],
    ]
