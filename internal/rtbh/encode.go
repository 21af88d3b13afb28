package rtbh

import (
	"errors"
	"fmt"
)

// ErrUnknownEntry means that an entry, a command or a snapshot was written by a
// newer binary. The state machine must stop there and keep what it has.
var ErrUnknownEntry = errors.New("written by a newer version of triggerd")

// Kind is a command's number in the log. Values are frozen.
type Kind uint8

// The kinds of commands.
const (
	KindAnnounce Kind = iota + 1
	KindWithdraw
	KindClear
	KindEditCustomer
	KindEditUser
	KindEditSettings
	KindEditClause
	KindDeleteRouteMap
	KindEditPrefixList
	KindEditCommunityList
	KindEditContact
	KindApprove
	KindInitCluster
	KindPutMember
	KindDeleteMember
	KindPutToken
	KindUseToken
	KindTick
	KindCheckpoint
	KindSetBudget
	KindCountRefused
	KindRaiseVersion
	KindRecordLocal
)

func (Announce) kind() Kind          { return KindAnnounce }
func (Withdraw) kind() Kind          { return KindWithdraw }
func (Clear) kind() Kind             { return KindClear }
func (EditCustomer) kind() Kind      { return KindEditCustomer }
func (EditUser) kind() Kind          { return KindEditUser }
func (EditSettings) kind() Kind      { return KindEditSettings }
func (EditClause) kind() Kind        { return KindEditClause }
func (DeleteRouteMap) kind() Kind    { return KindDeleteRouteMap }
func (EditPrefixList) kind() Kind    { return KindEditPrefixList }
func (EditCommunityList) kind() Kind { return KindEditCommunityList }
func (EditContact) kind() Kind       { return KindEditContact }
func (Approve) kind() Kind           { return KindApprove }
func (InitCluster) kind() Kind       { return KindInitCluster }
func (PutMember) kind() Kind         { return KindPutMember }
func (DeleteMember) kind() Kind      { return KindDeleteMember }
func (PutToken) kind() Kind          { return KindPutToken }
func (UseToken) kind() Kind          { return KindUseToken }
func (Tick) kind() Kind              { return KindTick }
func (Checkpoint) kind() Kind        { return KindCheckpoint }
func (SetBudget) kind() Kind         { return KindSetBudget }
func (CountRefused) kind() Kind      { return KindCountRefused }
func (RaiseVersion) kind() Kind      { return KindRaiseVersion }
func (RecordLocal) kind() Kind       { return KindRecordLocal }

const (
	entryType      = 1 // first byte of every record in the log
	entryVersion   = 1
	commandVersion = 1
	resultVersion  = 1
)

// command walks [kind][version][length][body].
func (c *codec) command(v *Command) {
	var k Kind
	version := uint8(commandVersion)
	if c.writing {
		k = (*v).kind()
	}
	number(c, &k)
	number(c, &version)
	if c.writing {
		body := &codec{writing: true, buf: c.inner[:0]}
		body.commandBody(k, *v)
		c.blob(&body.buf)
		c.inner = body.buf
		return
	}
	body := &codec{words: c.words}
	if c.blob(&body.buf); c.err != nil {
		return
	}
	if version != commandVersion {
		c.fail(fmt.Errorf("command %d version %d: %w", k, version, ErrUnknownEntry))
		return
	}
	*v = body.commandBody(k, nil)
	c.words = body.words
	if err := body.done(); err != nil {
		c.fail(fmt.Errorf("command %d: %w", k, err))
	}
}

// as returns the command as a T, or the zero T when decoding starts.
func as[T Command](v Command) T {
	t, _ := v.(T)
	return t
}

// commandBody walks the fields of one command and returns it.
func (c *codec) commandBody(k Kind, v Command) Command {
	switch k {
	case KindAnnounce:
		x := as[Announce](v)
		text(c, &x.Customer)
		c.prefix(&x.Prefix)
		text(c, &x.RouteMap)
		signed(c, &x.Life)
		signed(c, &x.Until)
		text(c, &x.Reason)
		text(c, &x.Ticket)
		return x
	case KindWithdraw:
		x := as[Withdraw](v)
		text(c, &x.Customer)
		c.prefix(&x.Prefix)
		text(c, &x.Reason)
		return x
	case KindClear:
		x := as[Clear](v)
		text(c, &x.Customer)
		text(c, &x.Reason)
		return x
	case KindEditCustomer:
		x := as[EditCustomer](v)
		text(c, &x.Name)
		number(c, &x.Field)
		c.flag(&x.Remove)
		c.customer(&x.Value)
		return x
	case KindEditUser:
		x := as[EditUser](v)
		text(c, &x.Name)
		number(c, &x.Field)
		c.flag(&x.Remove)
		c.user(&x.Value)
		return x
	case KindEditSettings:
		x := as[EditSettings](v)
		number(c, &x.Field)
		c.flag(&x.Remove)
		c.settings(&x.Value)
		return x
	case KindEditClause:
		x := as[EditClause](v)
		text(c, &x.Map)
		number(c, &x.Field)
		c.flag(&x.Remove)
		c.clause(&x.Value)
		return x
	case KindDeleteRouteMap:
		x := as[DeleteRouteMap](v)
		text(c, &x.Name)
		return x
	case KindEditPrefixList:
		x := as[EditPrefixList](v)
		text(c, &x.Name)
		c.flag(&x.IPv6)
		c.flag(&x.Remove)
		c.prefixRule(&x.Rule)
		return x
	case KindEditCommunityList:
		x := as[EditCommunityList](v)
		text(c, &x.Name)
		c.flag(&x.Remove)
		c.communityRule(&x.Rule)
		return x
	case KindEditContact:
		x := as[EditContact](v)
		c.flag(&x.Remove)
		c.contact(&x.Contact)
		return x
	case KindApprove:
		x := as[Approve](v)
		number(c, &x.ID)
		c.flag(&x.Reject)
		return x
	}
	return c.clusterCommandBody(k, v)
}

// clusterCommandBody is commandBody for what the cluster itself proposes.
func (c *codec) clusterCommandBody(k Kind, v Command) Command {
	switch k {
	case KindInitCluster:
		x := as[InitCluster](v)
		text(c, &x.ClusterID)
		signed(c, &x.Created)
		return x
	case KindPutMember:
		x := as[PutMember](v)
		c.member(&x.Member)
		return x
	case KindDeleteMember:
		x := as[DeleteMember](v)
		text(c, &x.Name)
		return x
	case KindPutToken:
		x := as[PutToken](v)
		c.token(&x.Token)
		return x
	case KindUseToken:
		x := as[UseToken](v)
		c.fixed(x.Hash[:])
		return x
	case KindTick:
		return Tick{}
	case KindCheckpoint:
		x := as[Checkpoint](v)
		number(c, &x.Index)
		c.fixed(x.Digest[:])
		text(c, &x.Node)
		return x
	case KindSetBudget:
		x := as[SetBudget](v)
		text(c, &x.Node)
		text(c, &x.Neighbor)
		number(c, &x.Max)
		return x
	case KindCountRefused:
		x := as[CountRefused](v)
		text(c, &x.User)
		number(c, &x.Count)
		signed(c, &x.Last)
		text(c, &x.From)
		text(c, &x.Why)
		return x
	case KindRaiseVersion:
		x := as[RaiseVersion](v)
		number(c, &x.Version)
		return x
	case KindRecordLocal:
		x := as[RecordLocal](v)
		signed(c, &x.At)
		text(c, &x.Node)
		text(c, &x.User)
		text(c, &x.Text)
		return x
	}
	if x, ok := c.newerBody(k, v); ok {
		return x
	}
	c.fail(fmt.Errorf("command %d: %w", k, ErrUnknownEntry))
	return Tick{}
}

func (c *codec) entry(e *Entry) {
	c.fixed(e.Request[:])
	signed(c, &e.Typed)
	signed(c, &e.Stamp)
	c.actor(&e.Actor)
	c.flag(&e.Atomic)
	list(c, &e.Commands, (*codec).command)
}

// Encode returns the entry as it stands in the log: [type][version][body].
func (e Entry) Encode() []byte {
	c := &codec{writing: true, buf: []byte{entryType, entryVersion}}
	c.entry(&e)
	return c.buf
}

// DecodeEntry reads what [Entry.Encode] wrote. The error wraps
// [ErrUnknownEntry] when a newer binary wrote it.
func DecodeEntry(b []byte) (Entry, error) {
	if len(b) < 2 {
		return Entry{}, fmt.Errorf("log entry: %w", errShort)
	}
	if b[0] != entryType || b[1] != entryVersion {
		return Entry{}, fmt.Errorf("log entry type %d version %d: %w", b[0], b[1], ErrUnknownEntry)
	}
	var e Entry
	c := &codec{buf: b[2:]}
	c.entry(&e)
	if err := c.done(); err != nil {
		return Entry{}, fmt.Errorf("log entry: %w", err)
	}
	return e, nil
}

// fullResult walks a result with everything that the asking node needs.
func (c *codec) fullResult(r *Result) {
	number(c, &r.Index)
	signed(c, &r.At)
	list(c, &r.Outcomes, (*codec).outcome)
	list(c, &r.Changed, prefixItem)
	c.flag(&r.All)
	c.flag(&r.Duplicate)
}

// EncodeResult returns a result for another node.
func EncodeResult(r Result) []byte {
	c := &codec{writing: true, buf: []byte{resultVersion}}
	c.fullResult(&r)
	return c.buf
}

// DecodeResult reads what [EncodeResult] wrote. The error wraps
// [ErrUnknownEntry] when a newer binary wrote it.
func DecodeResult(b []byte) (Result, error) {
	if len(b) < 1 {
		return Result{}, fmt.Errorf("result: %w", errShort)
	}
	if b[0] != resultVersion {
		return Result{}, fmt.Errorf("result version %d: %w", b[0], ErrUnknownEntry)
	}
	var r Result
	c := &codec{buf: b[1:]}
	c.fullResult(&r)
	if err := c.done(); err != nil {
		return Result{}, fmt.Errorf("result: %w", err)
	}
	return r, nil
}
