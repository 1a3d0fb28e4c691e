// Package apitest tests the API and its client together, over HTTP, on real NATS
// and real S3.
package apitest
