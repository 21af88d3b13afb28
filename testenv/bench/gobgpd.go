package bench

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
)

// gobgpd is Debian's gobgpd, told over its gRPC API on a connection that is open.
type gobgpd struct {
	single
	api  netip.AddrPort
	rtr  netip.AddrPort // an RTR cache, if valid
	rule string         // condition of the export policy
}

func newGoBGPd(e *env, name string) system {
	return &gobgpd{single: newSingle(e, name), api: loopback(e.nextPort()),
		rule: "[policy-definitions.statements.conditions.bgp-conditions.match-community-set]\ncommunity-set = \"blackhole\"\n"}
}

func (g *gobgpd) start(ctx context.Context) error {
	if _, err := g.file("gobgpd.toml", g.config(), 0o644); err != nil {
		return err
	}
	if err := g.restart(ctx); err != nil {
		return err
	}
	d, _ := g.open("")
	defer d.close()
	if err := g.answers(ctx, d.(*grpcDoor).ping); err != nil {
		return err
	}
	return g.dialed()
}

func (g *gobgpd) restart(context.Context) error {
	return g.run(nil, "gobgpd", "-f", filepath.Join(g.dir, "gobgpd.toml"), "-t", "toml", "--api-hosts", g.api.String(), "--pprof-disable", "-l", "warn")
}

func (g *gobgpd) config() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("[global.config]\nas = %d\nrouter-id = \"192.0.2.25\"\nport = %d\nlocal-address-list = [%q]", triggerAS, g.at.Port(), g.at.Addr())
	line("[global.apply-policy.config]\nexport-policy-list = [\"out\"]\ndefault-export-policy = \"reject-route\"\ndefault-import-policy = \"accept-route\"")
	if g.rtr.IsValid() {
		line("[[rpki-servers]]\n[rpki-servers.config]\naddress = %q\nport = %d", g.rtr.Addr(), g.rtr.Port())
	}
	neighbor := func(a netip.Addr, as uint32, families ...string) {
		line("[[neighbors]]\n[neighbors.config]\nneighbor-address = %q\npeer-as = %d", a, as)
		line("[neighbors.transport.config]\npassive-mode = true\n[neighbors.ebgp-multihop.config]\nenabled = true\nmultihop-ttl = 2")
		for _, f := range families {
			line("[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = %q", f)
		}
	}
	for _, a := range routerAddrs {
		neighbor(a, routerAS, "ipv4-unicast")
	}
	neighbor(feederAddr, feederAS, "ipv4-unicast", "ipv6-unicast")
	line("[[defined-sets.bgp-defined-sets.community-sets]]\ncommunity-set-name = \"blackhole\"\ncommunity-list = [\"65535:666\"]")
	line("[[policy-definitions]]\nname = \"out\"\n[[policy-definitions.statements]]\nname = \"own\"\n%s[policy-definitions.statements.actions]\nroute-disposition = \"accept-route\"", g.rule)
	return b.String()
}

func (g *gobgpd) open(string) (door, error) { return newGRPC(g.api), nil }
