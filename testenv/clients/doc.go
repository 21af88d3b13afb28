// Package clients holds the scenarios of the tools that people already have:
// OpenSSH, pexpect, Netmiko, Ansible, RANCID, and somebody who types at
// triggerd what was once typed at Quagga. They drive the real programs against
// `triggerd dev` as a process, and the hostile ones among them are watched by
// the router that dev brings along. It has tests only; `make lab RUN=REGEXP`
// runs chosen ones.
//
// It knows triggerd only from outside: its command line, its ssh door and the
// router's table. Called by: nobody.
package clients
