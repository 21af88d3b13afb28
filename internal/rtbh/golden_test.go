package rtbh

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode"
)

var update = flag.Bool("update", false, "write the golden files anew")

// filler makes values whose every field is set, and each to something else, so
// that two fields that change places show.
type filler struct{ n uint64 }

func (f *filler) next() uint64 { f.n++; return f.n }

func (f *filler) fill(v reflect.Value) {
	n := f.next()
	switch v.Interface().(type) {
	case netip.Prefix:
		v.Set(reflect.ValueOf(netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(n)}), 32)))
		return
	case netip.Addr:
		v.Set(reflect.ValueOf(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: byte(n)})))
		return
	}
	if v.Type() == reflect.TypeFor[Command]() {
		f.fillCommand(v)
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		v.SetInt(1_767_225_600_000 + int64(n))
	case reflect.Uint8:
		v.SetUint(n%31 + 1)
	case reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1000 + n)
	case reflect.String:
		v.SetString(fmt.Sprintf("text-%d", n))
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).SetUint((n + uint64(i)) % 256)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		f.fill(v.Index(0))
		f.fill(v.Index(1))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(v.Field(i))
		}
	default:
		panic("no way to fill a " + v.Type().String())
	}
}

// fillCommand puts one full command in, always the same kind: which one does not
// matter where a command stands inside something else.
func (f *filler) fillCommand(v reflect.Value) {
	x := reflect.New(reflect.TypeFor[Announce]()).Elem()
	f.fill(x)
	v.Set(x)
}

func filled[T any]() T {
	var v T
	(&filler{}).fill(reflect.ValueOf(&v).Elem())
	return v
}

func goldenEntry(kind Command) Entry {
	x := reflect.New(reflect.TypeOf(kind)).Elem()
	(&filler{n: 100}).fill(x)
	e := filled[Entry]()
	e.Commands = []Command{x.Interface().(Command)}
	return e
}

func goldenResult() Result { return filled[Result]() }

// goldenState has two records of every kind, full in every field.
func goldenState() *State {
	s := NewState()
	f := &filler{n: 1000}
	f.fill(reflect.ValueOf(&s.settings).Elem())
	s.clusterID, s.created, s.version, s.index, s.stamp = "golden", 1, 2, 3, 4
	s.nextPending, s.auditSeq, s.auditHead, s.horizon = 5, 6, [32]byte{7, 31: 7}, 8
	for range 2 {
		fillInto(f, s.customers, func(v Customer) string { return v.Name })
		fillInto(f, s.users, func(v User) string { return v.Name })
		fillInto(f, s.routeMaps, func(v RouteMap) string { return v.Name })
		fillInto(f, s.prefixLists, func(v PrefixList) string { return v.Name })
		fillInto(f, s.communityLists, func(v CommunityList) string { return v.Name })
		fillInto(f, s.members, func(v Member) string { return v.Name })
		fillInto(f, s.tokens, func(v Token) [32]byte { return v.Hash })
		fillInto(f, s.contacts, func(v Contact) string { return v.Name })
		fillInto(f, s.budgets, func(v Budget) [2]string { return [2]string{v.Node, v.Neighbor} })
		fillInto(f, s.refused, func(v RefusedTries) string { return v.User })
		fillInto(f, s.pending, func(v Pending) uint64 { return v.ID })
		var b Blackhole
		f.fill(reflect.ValueOf(&b).Elem())
		s.store(b.Prefix, b.Customer, &b)
		var e Ended
		f.fill(reflect.ValueOf(&e).Elem())
		s.history.add(e)
		var a AuditRecord
		f.fill(reflect.ValueOf(&a).Elem())
		s.audit.add(a)
		m := &remembered{}
		f.fill(reflect.ValueOf(&m.id).Elem())
		m.typed, m.result.Index, m.result.At = Instant(f.next()), f.next(), Instant(f.next())
		f.fill(reflect.ValueOf(&m.result.Outcomes).Elem())
		s.recent = append(s.recent, m)
	}
	s.derive()
	return s
}

func fillInto[K comparable, V any](f *filler, m map[K]V, key func(V) K) {
	var v V
	f.fill(reflect.ValueOf(&v).Elem())
	m[key(v)] = v
}

// zeros lists the fields that are not set anywhere inside v.
func zeros(path string, v reflect.Value) (all []string) {
	switch {
	case v.Type() == reflect.TypeFor[Tick](): // it has none
	case v.IsZero():
		return []string{path}
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[netip.Prefix]() && v.Type() != reflect.TypeFor[netip.Addr]():
		for i := range v.NumField() {
			all = append(all, zeros(path+"."+v.Type().Field(i).Name, v.Field(i))...)
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			all = append(all, zeros(fmt.Sprintf("%s[%d]", path, i), v.Index(i))...)
		}
	case v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface:
		return zeros(path, v.Elem())
	}
	return all
}

func hexed(b []byte) []byte {
	var out strings.Builder
	for len(b) > 0 {
		n := min(32, len(b))
		fmt.Fprintf(&out, "%x\n", b[:n])
		b = b[n:]
	}
	return []byte(out.String())
}

func unhex(text []byte) ([]byte, error) {
	return hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
}

// golden returns the committed bytes of a file, after writing them when asked.
func golden(t *testing.T, name string, now []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, now, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run the test with -update to write it)", err)
	}
	return b
}

func goldenBytes(t *testing.T, name string, now []byte) []byte {
	t.Helper()
	b, err := unhex(golden(t, name, hexed(now)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func dashed(camel string) string {
	var out strings.Builder
	for i, r := range camel {
		if i > 0 && unicode.IsUpper(r) {
			out.WriteByte('-')
		}
		out.WriteRune(unicode.ToLower(r))
	}
	return out.String()
}

// The committed bytes were written by the first version. A change of the
// encoding that they do not survive would make old logs unreadable: it needs a
// new version number, not new golden files.
func TestFrozenEntries(t *testing.T) {
	for _, kind := range everyCommand {
		t.Run(kindName(kind), func(t *testing.T) {
			want := goldenEntry(kind)
			if missing := zeros("Entry", reflect.ValueOf(want)); missing != nil {
				t.Fatalf("the golden entry leaves %v unset", missing)
			}
			b := goldenBytes(t, "entry-"+dashed(kindName(kind))+".hex", want.Encode())
			got, err := DecodeEntry(b)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
			if !bytes.Equal(got.Encode(), b) {
				t.Error("written differently now")
			}
		})
	}
	files, _ := filepath.Glob("testdata/entry-*.hex")
	if len(files) != len(everyCommand) {
		t.Errorf("%d golden entries for %d kinds", len(files), len(everyCommand))
	}
}

func TestFrozenResult(t *testing.T) {
	want := goldenResult()
	if missing := zeros("Result", reflect.ValueOf(want)); missing != nil {
		t.Fatalf("the golden result leaves %v unset", missing)
	}
	got, err := DecodeResult(goldenBytes(t, "result.hex", EncodeResult(want)))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestFrozenSnapshot(t *testing.T) {
	want := goldenState()
	b := goldenBytes(t, "snapshot.hex", snapshotOf(t, want))
	got, err := DecodeState(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(snapshotOf(t, got), b) {
		t.Error("written differently now")
	}
	got.ends, want.ends = nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// Every part of the state that is in a snapshot is set in the golden one. What
// is derived or transient is named here, so that a new part is one or the other.
func TestTheFrozenSnapshotHasEverything(t *testing.T) {
	derived := map[string]bool{"byPrefix": true, "holeCount": true, "ends": true, "known": true, "trial": true}
	v := reflect.ValueOf(goldenState()).Elem()
	back := reflect.ValueOf(restored(t, goldenState())).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if derived[name] {
			continue
		}
		if f := v.Field(i); f.IsZero() || (f.Kind() == reflect.Map && f.Len() < 2) {
			t.Errorf("the golden state leaves %s unset", name)
		}
		if back.Field(i).IsZero() {
			t.Errorf("%s is not in a snapshot", name)
		}
	}
	g := goldenState()
	for _, c := range [][]any{values(g.customers), values(g.users), values(g.routeMaps), values(g.prefixLists), values(g.communityLists), values(g.members),
		values(g.tokens), values(g.contacts), values(g.budgets), values(g.refused), values(g.pending)} {
		for _, x := range c {
			if rm, ok := x.(RouteMap); ok && rm.Name == DefaultRouteMap {
				continue
			}
			if missing := zeros(reflect.TypeOf(x).Name(), reflect.ValueOf(x)); missing != nil {
				t.Errorf("unset: %v", missing)
			}
		}
	}
}

func values[K comparable, V any](m map[K]V) (all []any) {
	for _, v := range m {
		all = append(all, v)
	}
	return all
}
