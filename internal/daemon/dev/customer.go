package dev

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// The made-up customer: documentation prefixes (RFC 5737, RFC 3849).
const customerName = "customer"

var customerPrefixes = []netip.Prefix{
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("2001:db8:113::/48"),
}

// defineCustomer makes the customer, as an operator would at the first trigger.
func (w *world) defineCustomer(ctx context.Context) error {
	key, err := os.ReadFile(w.customer + ".pub")
	if err != nil {
		return fmt.Errorf("reading the customer's key: %w", err)
	}
	edit := func(f rtbh.CustomerField, v rtbh.Customer) rtbh.Command {
		return rtbh.EditCustomer{Name: customerName, Field: f, Value: v}
	}
	commands := []rtbh.Command{
		edit(rtbh.CustomerExists, rtbh.Customer{}),
		edit(rtbh.CustomerDescription, rtbh.Customer{Description: "made up by triggerd dev"}),
		edit(rtbh.CustomerASN, rtbh.Customer{ASN: customerAS}),
		edit(rtbh.CustomerPrefixes, rtbh.Customer{Prefixes: customerPrefixes}),
		edit(rtbh.CustomerMaxBlackholes, rtbh.Customer{MaxBlackholes: 1000}),
		edit(rtbh.CustomerMinLife, rtbh.Customer{MinLife: rtbh.LifetimeOf(time.Second)}),
		edit(rtbh.CustomerMaxLife, rtbh.Customer{MaxLife: rtbh.Forever}),
		rtbh.EditUser{Name: customerName, Field: rtbh.UserExists, Value: rtbh.User{Customer: customerName, Role: rtbh.RoleCustomer}},
		rtbh.EditUser{Name: customerName, Field: rtbh.UserKeys, Value: rtbh.User{Keys: []string{strings.TrimSpace(string(key))}}},
	}
	outcomes, err := w.triggers[0].d.Do(ctx, commands...)
	if err != nil {
		return fmt.Errorf("making the customer: %w", err)
	}
	for _, o := range outcomes {
		if o.Refusal != nil {
			return fmt.Errorf("making the customer: %w", o.Refusal)
		}
	}
	return nil
}
