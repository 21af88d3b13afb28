package peer

import (
	"crypto/x509"
)

// judgement is all that a verdict depends on.
type judgement struct {
	self   Identity
	caCert *x509.Certificate
	heard  hello
	cert   string // the server id in the other side's certificate; "" for none
	expect string // the server id that was dialed; "" for any
	member func(serverID string) (member, known bool)
}

// judge decides whether to go on with a connection. Order matters: the
// generation comes before the membership, because the node that must fence
// itself may be one that the newer generation excluded, and the newer one's
// members may be strangers to it.
func (j judgement) judge() *Refusal {
	h := j.heard
	if h.newest < oldestVersion || h.oldest > newestVersion {
		return refuse(OtherVersion, "this side speaks protocol versions %d to %d, the other %d to %d: upgrade the older binary",
			oldestVersion, newestVersion, h.oldest, h.newest)
	}
	if h.Record.Cluster != j.self.Cluster {
		return refuse(WrongCluster, "this is cluster %s, the other side belongs to %s", j.self.Cluster, h.Record.Cluster)
	}
	if h.Channel == channelJoin {
		return nil // the join handler decides
	}
	if j.cert == "" {
		return refuse(NoCert, "only a joining node may come without a certificate")
	}
	id := h.identity()
	if j.cert != id.ServerID() {
		return refuse(WrongName, "the certificate is %s's, the node says that it is %s", j.cert, id.ServerID())
	}
	if r := judgeGeneration(j.self.Record(), h.Record, j.caCert); r != nil {
		return r
	}
	if j.expect != "" && id.ServerID() != j.expect {
		return refuse(Unexpected, "dialed %s and reached %s: check the members' addresses", j.expect, id.ServerID())
	}
	return j.judgeMember(id.ServerID())
}

func (j judgement) judgeMember(id string) *Refusal {
	if j.member == nil {
		return nil
	}
	if member, known := j.member(id); known && !member {
		return refuse(NotMember, "%s is not a member of the cluster: it was removed, or must join with a token", id)
	}
	return nil
}

// judgeGeneration compares two records of the same cluster (fencing).
func judgeGeneration(own, heard Record, caCert *x509.Certificate) *Refusal {
	switch {
	case heard.Generation > own.Generation:
		if VerifyGeneration(caCert, heard) != nil {
			return refuse(Unproven, "it claims generation %d, but the CA has not signed that", heard.Generation)
		}
		return refuse(NewerGeneration, "the cluster was recovered: it is at generation %d, this node at %d and must rejoin", heard.Generation, own.Generation)
	case heard.Generation < own.Generation:
		return refuse(OlderGeneration, "the cluster was recovered: it is at generation %d, the other side at %d and must rejoin", own.Generation, heard.Generation)
	case heard.Lineage != own.Lineage:
		return refuse(OtherLineage, "both sides were recovered to generation %d apart from each other: choose one, wipe the other and join it again", own.Generation)
	}
	return nil
}
