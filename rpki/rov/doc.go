// Package rov validates routing tables in files against VRPs, without a daemon:
// the work of `triggerd rov` and `triggerd rtr dump`. It reads MRT and CSV
// tables, VRPs as JSON, CSV or from a cache, and prints verdicts as text, JSON or
// CSV.
//
// It must not know flags, exit statuses, the daemon or its configuration. Only
// cmd/triggerd calls it.
package rov
