# A script of the kind that used to telnet to Quagga: it sends enable and a
# password, waits for "# " and reads the configuration back. Only the spawn line
# is another. Usage: telnet_style.py PREFIX ssh ARGUMENT...
import sys

import pexpect

prefix, command = sys.argv[1], sys.argv[2:]
session = pexpect.spawn(command[0], command[1:], encoding="utf-8", timeout=20)
session.expect("[>#] ")
session.sendline("enable")
if session.expect(["Password: ", "# "]) == 0:
    session.expect("nobody asks for it")
session.sendline("oldsecret")
session.expect("# ")
session.sendline("terminal length 0")
session.expect("# ")
for line, prompt in [
    ("configure terminal", r"\(config\)# "),
    ("router bgp 65534", r"\(config-router\)# "),
    ("network " + prefix, r"\(config-router\)# "),
    ("end", "[^)]# "),
    ("write memory", r"\[OK\]\r\n.*# "),
]:
    session.sendline(line)
    session.expect_exact(line)
    session.expect(prompt)
    if "%" in session.before:
        sys.exit("refused: " + session.before)
session.sendline("show running-config")
session.expect("\r\nend\r\n")
if " network " + prefix not in session.before:
    sys.exit("not in the configuration: " + session.before)
if "oldsecret" in session.before:
    sys.exit("the secret was shown")
session.expect("# ")
session.sendline("show history")
session.expect("# ")
if "oldsecret" in session.before:
    sys.exit("the secret is in the history")
session.sendline("exit")
session.expect(pexpect.EOF)
session.close()
sys.exit(session.exitstatus)
