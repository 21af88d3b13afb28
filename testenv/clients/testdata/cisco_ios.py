# Netmiko's cisco_ios driver, with the calls that people make.
# Usage: cisco_ios.py HOST PORT USER KEYFILE PREFIX FOREIGN
import sys

from netmiko import ConnectHandler

host, port, user, key, prefix, foreign = sys.argv[1:]
device = ConnectHandler(
    device_type="cisco_ios", host=host, port=int(port), username=user,
    use_keys=True, key_file=key, secret="oldsecret",
)
assert device.find_prompt() == "trigger1>", device.find_prompt()
device.enable()
assert device.check_enable_mode()
assert device.find_prompt() == "trigger1#", device.find_prompt()

version = device.send_command("show version")
assert "command line compatible with FRRouting" in version, version

typed = device.send_config_set(["router bgp 65534", "network " + prefix, "network " + foreign])
assert "% " + foreign + " is not within your prefixes" in typed, typed
assert not device.check_config_mode()

saved = device.save_config()
assert "[OK]" in saved and "Configuration saved" in saved, saved

table = device.send_command("show ip bgp")
assert prefix in table and foreign not in table, table
assert device.send_command("show ip bgp | count " + prefix).strip().endswith("1")
wrong = device.send_command("show nonsense")
assert "% Unknown command: show nonsense" in wrong, wrong
device.disconnect()
