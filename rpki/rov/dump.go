package rov

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/triggerd/triggerd/rpki/rtr"
)

// Dump prints everything that a cache has. JSON has the shape of rpki-client, so
// that it can be given to `rov --vrps` and to other programs; so has the CSV,
// which holds the VRPs only.
func Dump(out io.Writer, e *rtr.Epoch, f Format) error {
	w := bufio.NewWriterSize(out, 1<<16)
	switch f {
	case CSV:
		dumpCSV(w, e)
	case JSON:
		dumpJSON(w, e)
	default:
		dumpText(w, e)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

func dumpCSV(w *bufio.Writer, e *rtr.Epoch) {
	w.WriteString("ASN,IP Prefix,Max Length\n")
	for v := range e.Data.VRPs.All() {
		fmt.Fprintf(w, "AS%d,%s,%d\n", v.ASN, v.Prefix, v.MaxLen)
	}
}

func dumpText(w *bufio.Writer, e *rtr.Epoch) {
	d := e.Data
	fmt.Fprintf(w, "# %s: version %d, session %d, serial %d; %d VRPs, %d ASPAs, %d router keys\n",
		e.Cache, e.Version, e.Session, e.Serial, d.VRPs.Len(), len(d.ASPAs), len(d.Keys))
	for v := range d.VRPs.All() {
		fmt.Fprintf(w, "%s-%d AS%d\n", v.Prefix, v.MaxLen, v.ASN)
	}
	for _, a := range d.ASPAs {
		fmt.Fprintf(w, "ASPA AS%d providers %s\n", a.Customer, strings.Join(strings.Fields(strings.Trim(fmt.Sprint(a.Providers), "[]")), ","))
	}
	for _, k := range d.Keys {
		fmt.Fprintf(w, "router-key AS%d %s\n", k.ASN, hex.EncodeToString(k.SKI[:]))
	}
}

func dumpJSON(w *bufio.Writer, e *rtr.Epoch) {
	type aspa struct {
		Customer  uint32   `json:"customer_asid"`
		Providers []uint32 `json:"providers"`
	}
	type key struct {
		ASN  uint32 `json:"asn"`
		SKI  string `json:"ski"`
		SPKI []byte `json:"pubkey"`
	}
	d := e.Data
	fmt.Fprintf(w, `{"metadata":{"cache":%q,"version":%d,"session":%d,"serial":%d,"vrps":%d,"aspas":%d,"bgpsec_pubkeys":%d},`+"\n",
		e.Cache, e.Version, e.Session, e.Serial, d.VRPs.Len(), len(d.ASPAs), len(d.Keys))
	w.WriteString(`"roas":[`)
	sep := "\n"
	for v := range d.VRPs.All() {
		fmt.Fprintf(w, `%s{"asn":%d,"prefix":"%s","maxLength":%d}`, sep, v.ASN, v.Prefix, v.MaxLen)
		sep = ",\n"
	}
	aspas, keys := []aspa{}, []key{}
	for _, a := range d.ASPAs {
		aspas = append(aspas, aspa{a.Customer, a.Providers})
	}
	for _, k := range d.Keys {
		keys = append(keys, key{k.ASN, hex.EncodeToString(k.SKI[:]), []byte(k.SPKI)})
	}
	a, _ := json.Marshal(aspas) // numbers and strings: cannot fail
	k, _ := json.Marshal(keys)
	fmt.Fprintf(w, "\n],\n\"aspas\":%s,\n\"bgpsec_keys\":%s}\n", a, k)
}
