#!/usr/bin/env bash
# Installs the named Debian packages that are missing, without letting any of them start a daemon.
# With no name: all that `make test` uses. Needs root only if something is missing.
set -euo pipefail

packages=("$@")
[ ${#packages[@]} -gt 0 ] || packages=(prosody ejabberd redis-server python3-slixmpp chromium profanity tmux)

missing=()
for p in "${packages[@]}"; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q '^install ok installed' || missing+=("$p")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "deps: this machine has no apt-get; please install by hand: ${missing[*]}" >&2
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "deps: missing ${missing[*]}; run as root: scripts/deps.sh ${missing[*]}" >&2
	exit 1
fi

# Debian asks policy-rc.d before it starts a service; 101 means "not allowed".
policy=/usr/sbin/policy-rc.d
made=
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	made=1
fi
trap '[ -z "$made" ] || rm -f "$policy"' EXIT

echo "deps: installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
"${apt[@]}" update >/dev/null
"${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null
