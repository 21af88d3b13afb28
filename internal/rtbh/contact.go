package rtbh

import "slices"

func (s *State) checkEditContact(x EditContact) *Refusal {
	if refusal := checkName("contact", x.Contact.Name); refusal != nil {
		return refusal
	}
	if _, ok := s.contacts[x.Contact.Name]; x.Remove && !ok {
		return refuse(RefusedAbsent, "There is no contact %q.", x.Contact.Name)
	}
	if x.Remove {
		return nil
	}
	v := x.Contact
	if _, ok := s.customers[v.Customer]; v.Customer != "" && !ok {
		return refuse(RefusedUnknown, "There is no customer %q.", v.Customer)
	}
	for _, to := range slices.Concat(v.Mail, v.Slack, v.Webhook) {
		if refusal := checkText("address", to, 2048); refusal != nil {
			return refusal
		}
	}
	for _, n := range v.ASNs {
		if refusal := checkASN(n); refusal != nil {
			return refusal
		}
	}
	for _, p := range v.Prefixes {
		if refusal := checkPrefix(p); refusal != nil {
			return refusal
		}
	}
	return nil
}
