package platform

// Version is the product version. This line is its only source: build.sh, the packages and the announced agent
// version all come from here; a release build may override it with -ldflags -X.
var Version = "3.9.0"
