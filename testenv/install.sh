#!/bin/sh
# Installs the Debian packages that the lab needs, if this is root on Debian; else
# says plainly what will be skipped. `make tools` calls it; it is quiet when there is
# nothing to do.
#
# Exit status 0 also when packages are missing (the tests that need them skip, with
# the reason), but 1 with TESTENV_STRICT=1.
set -eu

packages="frr frr-rpki-rtrlib bird2 openbgpd exabgp gobgpd stayrtr rtr-tools bgpdump pmacct iproute2 iputils-ping procps openssh-client sshpass python3-pexpect python3-netmiko ansible rancid"

say() { echo "testenv: $*" >&2; }

# skipped REASON: what that means, and the exit.
skipped() {
	say "$1"
	say "the lab scenarios that need what is missing will be skipped; everything else runs"
	[ "${TESTENV_STRICT:-0}" != 1 ] || exit 1
	exit 0
}

missing() {
	for p in $packages; do
		status=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) || status=none
		[ "$status" = installed ] || printf '%s ' "$p"
	done
}

[ "$(uname -s)" = Linux ] || skipped "this is $(uname -s), not Linux: no network namespaces, so no lab"
if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
	[ "$(id -u)" = 0 ] || skipped "not root: no network namespaces, so no lab"
	skipped "this is not Debian; the lab takes these programs if you install them yourself: bgpd zebra staticd (FRR), bird (BIRD 2), ip, ssh"
fi

wanted=$(missing)
if [ "$(id -u)" != 0 ]; then
	[ -z "$wanted" ] || skipped "not root: the lab needs root for network namespaces, and these packages: $wanted"
	skipped "not root: the lab needs root for network namespaces"
fi
[ -n "$wanted" ] || exit 0

# Services must not start by themselves: while packages are set up, policy-rc.d
# forbids it. One that is there already is the administrator's and stays.
policy=/usr/sbin/policy-rc.d
ours=
log=$(mktemp)
trap 'rm -f "$log" $ours' EXIT
trap 'exit 1' HUP INT TERM
if [ ! -e "$policy" ]; then
	ours=$policy
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi

apt() {
	DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=240 "$@" >>"$log" 2>&1 </dev/null
}

say "installing $wanted"
# Package lists are fetched only when the ones that are there do not serve: none
# yet, or so old that the mirror has dropped what they name.
# shellcheck disable=SC2086 # a list of words
if ! apt install --no-install-recommends $wanted && ! { apt update && apt install --no-install-recommends $wanted; }; then
	tail -n 5 "$log" >&2
	skipped "could not install: $(missing)"
fi
say "installed"
