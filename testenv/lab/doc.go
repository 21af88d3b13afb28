// Package lab holds the scenarios: timelines of what happens to real routers, real
// ssh clients and real traffic around real triggerd processes. It has tests only;
// the vocabulary is in testenv. `make lab RUN=REGEXP` runs chosen ones.
//
// Tests here assert counts and order, never times.
package lab
