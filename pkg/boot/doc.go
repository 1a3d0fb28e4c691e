// Package boot turns a service into a program. It reads the configuration from the
// environment, makes the logger and the metrics, connects to NATS and S3, answers
// /livez, /readyz and /metrics, and turns signals into an orderly end. A service's
// main is one call of [Main]; nothing else in the repository but cmd/reweave ends
// the process.
//
// Every service reads the base variables (REWEAVE_NATS_URL, REWEAVE_S3_ENDPOINT, …,
// see [Base]) and its own, under the prefix REWEAVE_<NAME>. One file may hold the
// variables of all services; a misspelt name is an error at start. Errors name
// variables and never tell their values.
//
// SIGTERM drains: the service isn't ready any more, takes no more work, finishes
// what it holds, and is stopped after REWEAVE_DRAIN at the latest. SIGINT, or a
// second SIGTERM, stops it at once.
package boot
