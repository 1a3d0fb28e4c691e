// Package natsqtest holds the tests of package natsq, which need a real NATS
// server: pkg must not import one.
package natsqtest
