package cli

import "encoding/json"

// json prints v, an object, as the JSON form of a show. When the state is not
// the cluster's newest, the object's first member says as of which index.
func (c *call) json(v any) {
	if !c.behind {
		writeJSON(c.out, v)
		return
	}
	body, err := json.Marshal(v)
	if err != nil || len(body) < 2 || body[0] != '{' {
		writeJSON(c.out, v)
		return
	}
	head, err := json.Marshal(map[string]uint64{"asOfIndex": c.stale})
	if err != nil {
		return
	}
	if string(body) != "{}" {
		head = append(append(head[:len(head)-1], ','), body[1:]...)
	}
	writeJSON(c.out, json.RawMessage(head))
}
