package rtbh

// How each value is laid out, field by field. The order is frozen: a new field
// goes to the end of a new version of the entry or record that holds it.

func (c *codec) actor(a *Actor) {
	text(c, &a.User)
	number(c, &a.Door)
	text(c, &a.From)
	text(c, &a.Node)
}

func (c *codec) blackhole(b *Blackhole) {
	c.prefix(&b.Prefix)
	text(c, &b.Customer)
	text(c, &b.RouteMap)
	text(c, &b.Reason)
	text(c, &b.Ticket)
	c.actor(&b.By)
	signed(c, &b.Since)
	signed(c, &b.Refreshed)
	signed(c, &b.Deadline)
	signed(c, &b.Life)
	c.fixed(b.Request[:])
	number(c, &b.Index)
	number(c, &b.Updated)
	c.flag(&b.Flagged)
	text(c, &b.ApprovedBy)
}

func (c *codec) ended(e *Ended) {
	c.blackhole(&e.Blackhole)
	signed(c, &e.At)
	number(c, &e.Cause)
	c.actor(&e.EndBy)
	number(c, &e.AtIndex)
}

func (c *codec) customer(v *Customer) {
	text(c, &v.Name)
	text(c, &v.Description)
	number(c, &v.ASN)
	list(c, &v.Prefixes, prefixItem)
	list(c, &v.OriginAS, numberItem)
	list(c, &v.ROAPrefixes, prefixItem)
	number(c, &v.MinLen4)
	number(c, &v.MinLen6)
	number(c, &v.MaxBlackholes)
	signed(c, &v.DefaultLife)
	signed(c, &v.MaxLife)
	signed(c, &v.MinLife)
	list(c, &v.RouteMaps, stringItem)
	text(c, &v.Prompt)
	text(c, &v.Contact)
	number(c, &v.ApproveLen4)
	number(c, &v.ApproveLen6)
}

func (c *codec) user(v *User) {
	text(c, &v.Name)
	text(c, &v.Customer)
	number(c, &v.Role)
	list(c, &v.Keys, stringItem)
	list(c, &v.Principals, stringItem)
	text(c, &v.Password)
	number(c, &v.Landing)
	text(c, &v.Prompt)
	c.flag(&v.Receipt)
	c.flag(&v.Disabled)
}

func (c *codec) settings(v *Settings) {
	signed(c, &v.DefaultLife)
	signed(c, &v.MaxLife)
	signed(c, &v.MinLife)
	number(c, &v.MaxBlackholes)
	number(c, &v.PerCustomer)
	list(c, &v.Protected, prefixItem)
	list(c, &v.UserCAs, stringItem)
	text(c, &v.Banner)
}

func (c *codec) contact(v *Contact) {
	text(c, &v.Name)
	list(c, &v.Mail, stringItem)
	list(c, &v.Slack, stringItem)
	list(c, &v.Webhook, stringItem)
	list(c, &v.ASNs, numberItem)
	list(c, &v.Prefixes, prefixItem)
	text(c, &v.Customer)
}

func (c *codec) clause(v *Clause) {
	number(c, &v.Seq)
	c.flag(&v.Deny)
	text(c, &v.Description)
	text(c, &v.MatchCommunity)
	text(c, &v.MatchPrefix4)
	text(c, &v.MatchPrefix6)
	list(c, &v.Communities, communityItem)
	c.flag(&v.Additive)
	list(c, &v.Large, largeItem)
	c.flag(&v.LargeAdditive)
	list(c, &v.Ext, extItem)
	c.addr(&v.NextHop4)
	c.addr(&v.NextHop6)
	c.optional(&v.LocalPref)
	c.optional(&v.MED)
	c.optional(&v.Origin)
	list(c, &v.Prepend, numberItem)
}

func (c *codec) routeMap(v *RouteMap) {
	text(c, &v.Name)
	list(c, &v.Clauses, (*codec).clause)
}

func (c *codec) prefixRule(v *PrefixRule) {
	number(c, &v.Seq)
	c.flag(&v.Deny)
	c.flag(&v.Any)
	c.prefix(&v.Prefix)
	number(c, &v.Ge)
	number(c, &v.Le)
}

func (c *codec) prefixList(v *PrefixList) {
	text(c, &v.Name)
	c.flag(&v.IPv6)
	list(c, &v.Rules, (*codec).prefixRule)
}

func (c *codec) communityRule(v *CommunityRule) {
	number(c, &v.Seq)
	c.flag(&v.Deny)
	list(c, &v.Communities, communityItem)
}

func (c *codec) communityList(v *CommunityList) {
	text(c, &v.Name)
	list(c, &v.Rules, (*codec).communityRule)
}

func (c *codec) member(v *Member) {
	text(c, &v.Name)
	number(c, &v.Incarnation)
	number(c, &v.Role)
	text(c, &v.Addr)
	signed(c, &v.Joined)
	number(c, &v.Speaks)
	text(c, &v.Binary)
}

func (c *codec) token(v *Token) {
	c.fixed(v.Hash[:])
	number(c, &v.Role)
	text(c, &v.Name)
	signed(c, &v.Expires)
}

func (c *codec) budget(v *Budget) {
	text(c, &v.Node)
	text(c, &v.Neighbor)
	number(c, &v.Max)
}

func (c *codec) refusedTries(v *RefusedTries) {
	text(c, &v.User)
	number(c, &v.Count)
	signed(c, &v.Last)
	text(c, &v.From)
	text(c, &v.Why)
}

func (c *codec) refusal(v **Refusal) {
	has := *v != nil
	c.flag(&has)
	if !has {
		return
	}
	if *v == nil {
		*v = &Refusal{}
	}
	number(c, &(*v).Code)
	if !c.bare {
		text(c, &(*v).Text)
	}
}

func (c *codec) outcome(v *Outcome) {
	c.refusal(&v.Refusal)
	c.flag(&v.Unchanged)
	signed(c, &v.Deadline)
	number(c, &v.Pending)
}

func (c *codec) pending(v *Pending) {
	number(c, &v.ID)
	signed(c, &v.At)
	c.actor(&v.By)
	c.fixed(v.Request[:])
	cmd := Command(v.Announce)
	c.command(&cmd)
	if a, ok := cmd.(Announce); ok {
		v.Announce = a
	}
}

func (c *codec) audit(v *AuditRecord) {
	number(c, &v.Seq)
	number(c, &v.Index)
	signed(c, &v.At)
	c.actor(&v.Actor)
	c.fixed(v.Request[:])
	c.command(&v.Command)
	c.refusal(&v.Refusal)
	c.fixed(v.Hash[:])
}

func (c *codec) remembered(v *remembered) {
	c.fixed(v.id[:])
	signed(c, &v.typed)
	number(c, &v.result.Index)
	signed(c, &v.result.At)
	list(c, &v.result.Outcomes, (*codec).outcome)
}
