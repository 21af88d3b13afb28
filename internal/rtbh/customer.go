package rtbh

import "net/netip"

// Customer is who may blackhole what, and for how long. A zero number means
// "not set": the cluster's [Settings] hold then.
type Customer struct {
	Name          string
	Description   string
	ASN           uint32         // what `router bgp N` accepts and shows for it
	Prefixes      []netip.Prefix // granted, sorted
	OriginAS      []uint32       // `origin-as N roa`: what current VRPs of N cover is granted too
	ROAPrefixes   []netip.Prefix // derived from OriginAS, proposed by the leader
	MinLen4       uint8          // shortest IPv4 mask it may blackhole; 0 = 32
	MinLen6       uint8          // shortest IPv6 mask it may blackhole; 0 = 128
	MaxBlackholes uint32         // most at once; 0 = the cluster's default
	DefaultLife   Lifetime       // of a plain `network P`
	MaxLife       Lifetime       // longest that may be asked for; Forever allows never
	MinLife       Lifetime       // shortest
	RouteMaps     []string       // names it may use besides the default one, sorted
	Prompt        string         // prompt name instead of the node's hostname
	Contact       string         // free text for operators
	ApproveLen4   uint8          // masks shorter than this need a second operator; 0 = none do
	ApproveLen6   uint8
}

// User is somebody who can log in. Names are unique in the cluster.
type User struct {
	Name       string
	Customer   string // "" for operators and for viewers of everything
	Role       Role
	Keys       []string // OpenSSH public keys: "type base64 [comment]", sorted
	Principals []string // of OpenSSH certificates, sorted
	Password   string   // hash (argon2id or bcrypt); "" = no password login
	Landing    Level
	Prompt     string // prompt name instead of the customer's or node's
	Receipt    bool   // print one line about each accepted `network`
	Disabled   bool
}

// CustomerField names the part of a customer that a command changes.
type CustomerField uint8

// The fields of a customer. Values are frozen: they are in the log.
const (
	CustomerExists CustomerField = iota // create, or with Remove delete
	CustomerDescription
	CustomerASN
	CustomerPrefixes
	CustomerOriginAS
	CustomerROAPrefixes
	CustomerMinLen4
	CustomerMinLen6
	CustomerMaxBlackholes
	CustomerDefaultLife
	CustomerMaxLife
	CustomerMinLife
	CustomerRouteMaps
	CustomerPrompt
	CustomerContact
	CustomerApproveLen4
	CustomerApproveLen6
	customerFields
)

// UserField names the part of a user that a command changes.
type UserField uint8

// The fields of a user. Values are frozen: they are in the log.
const (
	UserExists UserField = iota // create with Customer and Role, or with Remove delete
	UserKeys
	UserPrincipals
	UserPassword
	UserLanding
	UserPrompt
	UserReceipt
	UserDisabled
	UserRole
	userFields
)

// Settings is what holds for the whole cluster.
type Settings struct {
	DefaultLife   Lifetime       // of a plain `network P`; 24h when the cluster is made
	MaxLife       Lifetime       // longest a customer may ask for when its record says nothing
	MinLife       Lifetime       // shortest
	MaxBlackholes uint32         // in the whole cluster; 0 = no limit
	PerCustomer   uint32         // most per customer when its record says nothing
	Protected     []netip.Prefix // never blackholed, on overlap in either direction; sorted
	UserCAs       []string       // keys that sign OpenSSH user certificates, sorted
	Banner        string
}

// SettingsField names the part of the settings that a command changes.
type SettingsField uint8

// The fields of the settings. Values are frozen: they are in the log.
const (
	SettingsDefaultLife SettingsField = iota
	SettingsMaxLife
	SettingsMinLife
	SettingsMaxBlackholes
	SettingsPerCustomer
	SettingsProtected
	SettingsUserCAs
	SettingsBanner
	settingsFields
)

// Contact is somebody to tell when a watched AS number or prefix has a finding.
type Contact struct {
	Name     string
	Mail     []string
	Slack    []string // webhook addresses
	Webhook  []string
	ASNs     []uint32
	Prefixes []netip.Prefix
	Customer string // "" = the operator's own
}
