// Package testenv is the lab: network namespaces with real routers (FRR,
// BIRD), real ssh clients, real traffic and real triggerd processes in them.
//
// It holds the vocabulary in which the scenarios of testenv/lab are written as
// timelines: a Lab has Hosts (one network namespace each), Hosts run Daemons
// and send Attacks, a Customer types at a Trigger, a Router is asked what it
// holds. It knows triggerd only as an operator does, by its command line and
// its configuration file, and imports no package of the daemon.
//
// Rules of the house that everything here keeps: traffic stays inside the
// namespaces which the Lab made; processes are ended by the id that the Lab
// started; nothing sleeps, every wait is for a condition, has a bound, and says
// what it saw last (Eventually); everything is removed in t.Cleanup, also after
// a panic, and what a killed run left behind is removed by the next (Main).
//
// Called by: the tests in testenv/lab, and nothing else.
package testenv
