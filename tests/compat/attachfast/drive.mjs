// Runs the documented browser functions under Node: the page's origin and key are given, nothing else is changed.
import { openAsBlob, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [base, key, big, small] = process.argv.slice(2);
const plainFetch = globalThis.fetch;
// A browser resolves these against the page it is on.
globalThis.fetch = (url, options) => plainFetch(url.startsWith("/") ? base + url : url, options);

const here = dirname(fileURLToPath(import.meta.url));
const source = readFileSync(join(here, "client.js"), "utf8").replaceAll("your-site-api-key", key);
const names = ["uploadLargeFile", "uploadFile", "fetchFiles", "createFolder", "getFolderTree"];
const client = new Function(`${source}\nreturn { ${names.join(", ")} };`)();

async function fileOf(path) {
  return new File([await openAsBlob(path)], basename(path));
}

const told = console.log;
console.log = () => {};
const parent = await client.createFolder("users");
const child = await client.createFolder("avatars", parent.id);
const uploaded = await client.uploadFile(await fileOf(small), "users/avatars/user_1");
const large = await client.uploadLargeFile(await fileOf(big), key, { folder: "videos/2025" });
const clash = await client.createFolder("users").catch((error) => error.message);
const listed = await client.fetchFiles(1, 10);
const tree = await client.getFolderTree();
told(JSON.stringify({ parent, child, uploaded, large, clash, listed, tree }));
