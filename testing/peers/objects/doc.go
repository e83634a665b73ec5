// Package objects tests the connectors to object stores and to InfluxDB against servers that others wrote: versitygw or
// s3rver for Amazon S3, Azurite for Azure Blob Storage, and InfluxDB 1.x. It promises that what is stored is compared byte
// for byte, and that servers are killed in the middle of what they do. It guards against connectors that only understand
// the servers of their own tests.
//
// Azure Data Lake Storage and InfluxDB 2 and 3 have no server that can be had here: their connectors are tested beside
// their code, against what the documentation says.
package objects
