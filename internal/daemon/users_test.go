package daemon

import (
	"testing"

	"github.com/triggerd/triggerd/internal/rtbh"
)

func TestWitnessHasNoDoorForCustomers(t *testing.T) {
	for _, user := range []rtbh.Role{rtbh.RoleCustomer, rtbh.RoleViewer, rtbh.RoleOperator} {
		for _, node := range []rtbh.MemberRole{rtbh.Voter, rtbh.Speaker, rtbh.Witness} {
			want := node != rtbh.Witness || user != rtbh.RoleCustomer
			if got := admits(node, user); got != want {
				t.Errorf("a %v at a %v: admitted=%v", user, node, got)
			}
		}
	}
}
