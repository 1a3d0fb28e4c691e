// Package boottest tests the life of a service's process, from package boot, on
// real NATS and S3 servers.
package boottest
