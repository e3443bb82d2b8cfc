// An installation of its own: a sandbox for the providers and a server in front of it, with quick
// timers, on free ports, in a folder that goes with it. The server can be stopped and started again
// on the same port and data.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Program, command } from './program.mjs';
import { waitFor } from './wait.mjs';

const DISPLAY_NUMBER = '15550783881';
const LISTENERS = ['whatsapp', 'sms', 'smtp', 'control'];
const SANDBOX = ['--json', 'sandbox', ...LISTENERS.map((it) => `--${it}-listen=127.0.0.1:0`)];

const folders = new Set();
process.on('exit', () => folders.forEach(remove));

export class Installation {
  static async start() {
    const made = new Installation();
    try {
      await made.#begin();
    } catch (fault) {
      await made.end();
      throw fault;
    }
    return made;
  }

  async #begin() {
    this.folder = mkdtempSync(path.join(tmpdir(), 'holdline-console-'));
    folders.add(this.folder);
    this.sandboxProgram = new Program('sandbox', SANDBOX, this.folder);
    this.sandbox = await this.sandboxProgram.facts;
    this.listen = '127.0.0.1:0';
    await this.startServer();
    await this.#takeWebhooks();
    this.token = command(
      ['--config', this.configPath, 'token', 'create', '--name', 'shop', '--app', 'shop'],
      this.folder,
    );
  }

  get configPath() {
    return path.join(this.folder, 'holdline.toml');
  }

  get control() {
    return this.sandbox.control;
  }

  get phoneId() {
    return this.sandbox.phone_number_id;
  }

  /** The route that messages leave by while all is well. */
  get route() {
    return `whatsapp/${this.phoneId}/all`;
  }

  async startServer() {
    writeFileSync(this.configPath, this.#config());
    const given = ['--config', this.configPath, '--json', 'serve'];
    this.server = new Program('serve', given, this.folder);
    const facts = await this.server.facts;
    this.url = facts.url;
    this.setupUrl = facts.console_setup_url;
    this.listen = new URL(facts.url).host;
    await waitFor('a server that is ready', async () => (await fetch(`${this.url}/readyz`)).ok);
  }

  stopServer() {
    return this.server.stop();
  }

  async end() {
    await Promise.allSettled([this.server?.stop(), this.sandboxProgram?.stop()]);
    remove(this.folder);
  }

  async #takeWebhooks() {
    const targets = {
      whatsapp_webhook_url: `${this.url}/hooks/whatsapp`,
      sms_inbound_url: `${this.url}/hooks/sms`,
    };
    const body = JSON.stringify(targets);
    const answer = await fetch(`${this.control}/control/targets`, { method: 'POST', body });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  }

  /** The configuration may not hold a secret itself. */
  #secret(value) {
    const file = path.join(this.folder, `${value}.secret`);
    writeFileSync(file, value);
    chmodSync(file, 0o600);
    return file;
  }

  #config() {
    const { folder, sandbox } = this;
    const [mailHost, mailPort] = sandbox.smtp.split(':');
    return `
[storage]
url = "sqlite:${folder}/holdline.db"
media_dir = "${folder}/media"
[http]
listen = "${this.listen}"
[net]
allow_private_networks = true
[whatsapp]
base_url = "${sandbox.whatsapp}"
timeout_ms = 3000
app_secret_file = "${this.#secret(sandbox.app_secret)}"
verify_token_file = "${this.#secret(sandbox.verify_token)}"
access_token_file = "${this.#secret(sandbox.access_token)}"
[[whatsapp.sender]]
phone_number_id = "${sandbox.phone_number_id}"
waba_id = "${sandbox.waba_id}"
display_phone_number = "${DISPLAY_NUMBER}"
[sms]
enabled = true
base_url = "${sandbox.sms}"
account_sid = "${sandbox.sms_account_sid}"
auth_token_file = "${this.#secret(sandbox.sms_auth_token)}"
from = "${sandbox.sms_from}"
rate_per_s = 100
[email]
enabled = true
host = "${mailHost}"
port = ${mailPort}
tls = "none"
from = "Demo Shop <shop@example.com>"
rate_per_s = 100
[failover]
receipt_wait_urgent_ms = 5000
receipt_wait_service_ms = 8000
ambiguity_urgent_ms = 4000
ambiguity_service_ms = 8000
[health]
dwell_ms = 1000
hold_down_ms = 1000
test_per_s = 20
probe_every_ms = 2000
probe_burst_ms = 250
probe_down_ms = 500
ramp_double_ms = 1000
[console]
sandbox_url = "${sandbox.control}"
[[feed]]
name = "metastatus"
url = "${sandbox.status}"
format = "metastatus"
every_s = 1
[[app]]
id = "shop"
secret_file = "${this.#secret(sandbox.app_secret)}"
`;
  }
}

function remove(folder) {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}
