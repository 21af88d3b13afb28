package rtbh

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"

	"pgregory.net/rapid"
)

// everyCommand has one value of each kind, in the order of the kinds. A kind
// that is missing here fails TestEveryKindIsKnownToTheTests.
var everyCommand = []Command{
	Announce{}, Withdraw{}, Clear{}, EditCustomer{}, EditUser{}, EditSettings{}, EditClause{}, DeleteRouteMap{},
	EditPrefixList{}, EditCommunityList{}, EditContact{}, Approve{}, InitCluster{}, PutMember{}, DeleteMember{},
	PutToken{}, UseToken{}, Tick{}, Checkpoint{}, SetBudget{}, CountRefused{}, RaiseVersion{}, RecordLocal{},
}

func kindName(c Command) string { return reflect.TypeOf(c).Name() }

// drawInto draws a value of any type that stands in the log, field by field, so that
// a new field takes part without anybody remembering it.
func drawInto(t *rapid.T, v reflect.Value) {
	switch v.Interface().(type) {
	case netip.Prefix:
		v.Set(reflect.ValueOf(drawPrefix(t)))
		return
	case netip.Addr:
		v.Set(reflect.ValueOf(drawAddr(t)))
		return
	case Optional:
		if rapid.Bool().Draw(t, "set") {
			v.Set(reflect.ValueOf(Some(rapid.Uint32().Draw(t, "value"))))
		}
		return
	}
	if v.Type() == reflect.TypeFor[Command]() {
		v.Set(reflect.ValueOf(drawCommand(t)))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "int"))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(rapid.Uint64Max(1<<v.Type().Bits()-1).Draw(t, "uint"))
	case reflect.String:
		v.SetString(rapid.String().Draw(t, "text"))
	case reflect.Array:
		for i := range v.Len() {
			drawInto(t, v.Index(i))
		}
	case reflect.Slice:
		if n := rapid.IntRange(0, 3).Draw(t, "len"); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				drawInto(t, v.Index(i))
			}
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "there") {
			v.Set(reflect.New(v.Type().Elem()))
			drawInto(t, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			drawInto(t, v.Field(i))
		}
	default:
		panic(fmt.Sprintf("no way to draw a %s", v.Type()))
	}
}

func draw[T any](t *rapid.T) T {
	var v T
	drawInto(t, reflect.ValueOf(&v).Elem())
	return v
}

func drawCommand(t *rapid.T) Command {
	kind := rapid.SampledFrom(everyCommand).Draw(t, "kind")
	v := reflect.New(reflect.TypeOf(kind)).Elem()
	drawInto(t, v)
	return v.Interface().(Command)
}

func drawAddr(t *rapid.T) netip.Addr {
	switch rapid.IntRange(0, 3).Draw(t, "family") {
	case 0:
		return netip.Addr{}
	case 1:
		return netip.AddrFrom16(draw[[16]byte](t))
	}
	return netip.AddrFrom4(draw[[4]byte](t))
}

func drawPrefix(t *rapid.T) netip.Prefix {
	a := drawAddr(t)
	if !a.IsValid() {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(a, rapid.IntRange(0, a.BitLen()).Draw(t, "bits"))
}

// A small universe in which grants, protected prefixes and requests meet often:
// two IPv4 blocks and one IPv6 block, with every mask from far around to a host.
var universe = func() (all []netip.Prefix) {
	for _, s := range []string{"10.0.0.0", "10.1.0.0", "10.1.2.3", "192.0.2.1", "2001:db8::", "2001:db8:1::7", "100::1"} {
		a := netip.MustParseAddr(s)
		lens := []int{0, 7, 8, 15, 16, 24, 31, 32}
		if a.Is6() {
			lens = []int{0, 18, 19, 31, 32, 48, 127, 128}
		}
		for _, n := range lens {
			all = append(all, netip.PrefixFrom(a, n).Masked())
		}
	}
	return all
}()

func drawMet(t *rapid.T) netip.Prefix { return rapid.SampledFrom(universe).Draw(t, "prefix") }

// drawTyped is what a customer types: mostly sane, sometimes not even a prefix.
func drawTyped(t *rapid.T) netip.Prefix {
	switch rapid.IntRange(0, 9).Draw(t, "typed") {
	case 0:
		return rapid.SampledFrom([]netip.Prefix{
			{}, pfx("10.1.2.3/24"), pfx("::ffff:10.1.2.3/128"), netip.PrefixFrom(netip.MustParseAddr("10.1.2.3"), 33), pfx("2001:db8::7/64"),
		}).Draw(t, "odd")
	default:
		return drawMet(t)
	}
}

func drawName(t *rapid.T, names string) string {
	return rapid.SampledFrom(strings.Fields(names)).Draw(t, "name")
}

// drawAct is one thing that somebody does to the state that newStory makes.
func drawAct(t *rapid.T) (Actor, Command) {
	who := rapid.SampledFrom([]Actor{alice, alice, bob, bob, olga, oscar, vera, mallory, local, {User: "nobody", Door: DoorAPI}}).Draw(t, "who")
	customer := drawName(t, "acme bolt acme bolt nosuch")
	p := rapid.SampledFrom([]netip.Prefix{
		pfx("203.0.113.1/32"), pfx("203.0.113.2/32"), pfx("203.0.113.128/25"), pfx("198.51.100.7/32"), pfx("2001:db8:113::1/128"), pfx("10.0.0.0/8"),
	}).Draw(t, "prefix")
	switch rapid.IntRange(0, 13).Draw(t, "act") {
	case 0, 1, 2, 3, 4:
		return who, Announce{Customer: customer, Prefix: p, RouteMap: rapid.SampledFrom([]string{"", "", "UPSTREAM", DefaultRouteMap}).Draw(t, "map"),
			Life: Lifetime(rapid.SampledFrom([]Instant{0, 0, minute, 10 * minute, day, -1}).Draw(t, "life"))}
	case 5, 6:
		return who, Withdraw{Customer: customer, Prefix: p}
	case 7:
		return olga, EditCustomer{Name: customer, Field: CustomerField(rapid.IntRange(0, int(customerFields)).Draw(t, "field")),
			Remove: rapid.Bool().Draw(t, "remove"), Value: Customer{
				Prefixes: []netip.Prefix{p.Masked()}, MinLen4: 24, MaxBlackholes: 2, ApproveLen4: 25, RouteMaps: []string{"UPSTREAM"},
				DefaultLife: Lifetime(hour), MaxLife: Forever, MinLife: 1000, Description: "d", Prompt: "p", Contact: "c", ASN: 64500, ROAPrefixes: []netip.Prefix{p},
			}}
	case 8:
		return olga, EditClause{Map: drawName(t, "UPSTREAM OTHER"), Field: ClauseField(rapid.IntRange(0, int(clauseFields)).Draw(t, "field")),
			Remove: rapid.Bool().Draw(t, "remove"), Value: Clause{Seq: 10, Communities: []Community{5, 3}, LocalPref: Some(200), MatchPrefix4: "PL", Description: "d",
				NextHop4: netip.MustParseAddr("192.0.2.9"), NextHop6: DiscardNextHop6, MatchPrefix6: "PL", MatchCommunity: "CL", Prepend: []uint32{64500}}}
	case 9:
		return olga, EditPrefixList{Name: "PL", Remove: rapid.Bool().Draw(t, "remove"), Rule: PrefixRule{Seq: rapid.Uint32Range(0, 10).Draw(t, "seq"), Prefix: p, Le: 32}}
	case 10:
		return olga, EditSettings{Field: SettingsField(rapid.IntRange(0, int(settingsFields)).Draw(t, "field")), Remove: rapid.Bool().Draw(t, "remove"),
			Value: Settings{MaxBlackholes: 3, PerCustomer: 2, Protected: []netip.Prefix{p}, DefaultLife: Lifetime(hour), MaxLife: Lifetime(day), MinLife: 1, Banner: "b"}}
	case 11:
		return oscar, Approve{ID: rapid.Uint64Range(1, 4).Draw(t, "id"), Reject: rapid.Bool().Draw(t, "reject")}
	case 12:
		return thenode, SetBudget{Node: "trigger1", Neighbor: "192.0.2.250", Max: rapid.Uint32Range(0, 3).Draw(t, "max")}
	default:
		return rapid.SampledFrom([]Actor{thenode, alice}).Draw(t, "who"), rapid.SampledFrom([]Command{
			Tick{}, Clear{}, Clear{Customer: "bolt"}, RecordLocal{Text: "suppress"}, PutToken{Token{Expires: start + hour}}, CountRefused{User: "alice", Count: 3},
			EditUser{Name: "bob", Field: UserPassword, Value: User{Password: "$2b$x"}}, EditCommunityList{Name: "CL", Rule: CommunityRule{Communities: []Community{3}}},
			EditContact{Contact: Contact{Name: "noc", Mail: []string{"a@example.net"}}}, DeleteMember{Name: "trigger2"},
		}).Draw(t, "other")
	}
}

// drawLog is a log of n random entries, some of them repetitions, some atomic.
func drawLog(t *rapid.T, most int) *story {
	st := newStory()
	for range rapid.IntRange(0, most).Draw(t, "entries") {
		st.now += rapid.SampledFrom([]Instant{0, 1, second, minute, 11 * minute, day}).Draw(t, "step")
		if rapid.IntRange(0, 9).Draw(t, "again") == 0 {
			e := rapid.SampledFrom(st.entries).Draw(t, "repeated")
			e.Stamp = st.now
			st.commit(e)
			continue
		}
		a, c := drawAct(t)
		e := st.entry(a, c)
		for range rapid.IntRange(0, 2).Draw(t, "more") {
			_, c := drawAct(t)
			e.Commands = append(e.Commands, c)
		}
		e.Atomic = rapid.Bool().Draw(t, "atomic")
		st.commit(e)
	}
	return st
}
