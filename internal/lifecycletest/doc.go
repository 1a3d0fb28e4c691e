// Package lifecycletest holds the tests of package lifecycle, which need a real NATS and
// a real S3: pkg must not import them.
package lifecycletest
