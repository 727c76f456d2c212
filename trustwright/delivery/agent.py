"""The configuration of the agent that fetches a consumer's set on its host.

``bao agent`` and ``vault agent`` read the same file. Measured (ADR 0020): an agent renders each
template into a file of its own, one after the other, so two templates leave a moment with the key
of one set beside the certificate of another; and it runs a command only after a file that has
changed. Hence one template for the whole set, with the time in it, and a command that splits it,
swaps one link and reloads: what was not taken to its end is rendered, and taken, again.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal

from trustwright.delivery.kv import member
from trustwright.delivery.manifest import KEY, MANIFEST, PUBLIC
from trustwright.errors import ConfigurationError
from trustwright.model.estate import Consumer, Environment, VaultKv
from trustwright.policy.naming import CONSUMER_LOGIN, SET, secret_path

Flavour = Literal["bao", "vault"]

CONFIGURATION = """\
# {program} agent for consumer {name} of {environment}. It needs {needs}.
# Run it as an account that may write {path} and reload; whatever fails ends it, and the service
# manager starts it again: {program} agent -config=THIS-FILE

log_level = "warn" # at info it repeats the command below at every look

vault {{
  address   = "{address}"
  namespace = "{namespace}"
{ca}}}

auto_auth {{
  method "approle" {{
    mount_path = "auth/{mount}"
    namespace  = "{namespace}"
    config = {{
      role_id_file_path                   = "{login}/role_id"
      secret_id_file_path                 = "{login}/secret_id"
      remove_secret_id_file_after_reading = false
    }}
  }}
}}

template_config {{
  static_secret_render_interval = "{interval}s"
  exit_on_retry_failure         = true
}}

# The whole set is one file, so that a key never meets another set's certificate; the command splits
# it, and removes it. The time makes it new at every look: a command that was cut runs again.
template {{
  destination          = "{path}/.set"
  perms                = "0600"
  error_on_missing_key = true
  contents             = <<SET
{{{{ timestamp }}}}
{{{{ with secret "{secret}" -}}}}
{parts}{{{{ end -}}}}
SET
  exec {{
    timeout = "{timeout}s"
    command = ["/bin/sh", "-c", <<COMMAND
{script}COMMAND
    ]
  }}
}}
"""

SCRIPT = """\
set -eu
umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd {path}
reload() {{ {reload}; }}

mkdir -p versions
chmod 0755 . versions
new=$(mktemp -d versions/set.XXXXXXXXXX)
trap 'rm -rf "$new" .set' EXIT
# Nothing that a secret says leads out of this folder.
awk -v to="$new" '
  /^== / {{
    if ($2 !~ /^((key|cert|fullchain|trust|crl)[.]pem|manifest[.]json)$/) exit 1
    file = to "/" $2
    next
  }}
  file && NF && /^[{{]/ {{ printf "%s", $0 > file; next }}
  file && NF {{ print > file }}' .set
rm -f .set
{key}for each in {files}; do test -s "$new/$each"; done

# In place already, and told.
if diff -r "$new" current/ > /dev/null 2>&1 &&
  test "$(cat versions/taken 2> /dev/null)" = "$(readlink current)"; then
  exit 0
fi

{chown}chmod {mode} "$new/key.pem"
for each in {public}; do chmod 0644 "$new/$each"; done
chmod 0755 "$new"
sync
for each in {files}; do test -L "$each" || ln -s "current/$each" "$each"; done

before=$(readlink current || :)
ln -sfn "$new" .next
mv -T .next current
if ! reload; then
  if test -d "$before"; then
    ln -sfn "$before" .next
    mv -T .next current
    reload || :
  else
    rm -f current
  fi
  echo "the reload failed; what was in place before is again" >&2
  exit 1
fi
trap - EXIT
printf %s "$new" > versions/taken
for each in versions/set.*; do
  test "$each" = "$new" || rm -rf "$each"
done
"""

HOST_KEY = """\
wanted=$(openssl x509 -in "$new/cert.pem" -noout -pubkey)
# The copy is judged: whoever may write in keys/ exchanges nothing in between.
for each in keys/*.key; do
  head -c 65536 "$each" > "$new/key.pem" || continue
  if test "$(openssl pkey -in "$new/key.pem" -pubout)" = "$wanted"; then break; fi
  : > "$new/key.pem"
done
test -s "$new/key.pem" || { echo "no key in keys/ is that of the certificate" >&2; exit 1; }
"""


@dataclass(frozen=True)
class HostPlace:
    """Where things are on the consumer's host.

    Attributes:
        login: folder with ``role_id`` and ``secret_id``.
        ca: PEM bundle that verifies the server; empty takes the host's store.
        interval: seconds between two looks at the secret.
    """

    login: str
    ca: str
    interval: int


def agent_config(
    consumer: Consumer, environment: Environment, flavour: Flavour, place: HostPlace
) -> str:
    """Return the configuration (HCL).

    Raises:
        ConfigurationError: the consumer's set goes to a directory, or the estate names no folder on
            its host (rule ``CONSUMER-AGENT``).
    """
    target, path = _rendered(consumer)
    vault = environment.vault
    return CONFIGURATION.format(
        program=flavour,
        needs=_needs(consumer, path),
        name=consumer.name,
        environment=consumer.environment,
        address=vault.address,
        namespace=vault.namespace,
        ca=f'  ca_cert   = "{place.ca}"\n' if place.ca else "",
        mount=CONSUMER_LOGIN,
        login=place.login,
        interval=place.interval,
        path=path,
        secret=f"{vault.delivery}/data/{secret_path(consumer, SET)}",
        parts="".join(
            f"== {file}\n{{{{ .Data.data.{member(file)} }}}}\n" for file in _parts(consumer)
        ),
        timeout=target.timeout,
        script=_script(consumer, target, path),
    )


def _rendered(consumer: Consumer) -> tuple[VaultKv, str]:
    target = consumer.deliver.vault_kv
    if target is not None and target.path is not None:
        return target, target.path
    raise ConfigurationError(
        f"nothing says where consumer {consumer.name} has its set on its host",
        rule="CONSUMER-AGENT",
        hint="say deliver.vault_kv.path in the estate file",
    )


def _needs(consumer: Consumer, path: str) -> str:
    tools = "sh, awk, diff and coreutils"
    if consumer.key == "managed":
        return tools
    return f"{tools}, openssl, and the host's keys in {path}/keys"


def _parts(consumer: Consumer) -> tuple[str, ...]:
    """Return the files that the secret holds; a host's own key is not in it."""
    return (*((KEY,) if consumer.key == "managed" else ()), *PUBLIC, MANIFEST)


def _script(consumer: Consumer, target: VaultKv, path: str) -> str:
    owner = f"{target.user or ''}{f':{target.group}' if target.group else ''}"
    return SCRIPT.format(
        path=path,
        reload=shlex.join(target.reload) if target.reload else ":",
        key=HOST_KEY if consumer.key == "host" else "",
        files=" ".join((KEY, *PUBLIC, MANIFEST)),
        public=" ".join((*PUBLIC, MANIFEST)),
        chown=f'chown {owner} "$new"/*\n' if owner else "",
        mode=target.mode,
    )
