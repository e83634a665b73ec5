package manifest

import (
	"slices"
	"sync"
)

// Prefixes of translation keys.
const (
	southKeys       = "configuration.oibus.manifest.south"
	southItemKeys   = southKeys + ".items"
	northKeys       = "configuration.oibus.manifest.north"
	transformerKeys = "configuration.oibus.manifest.transformers"
)

// Categories of connectors.
const (
	file     = "file"
	iot      = "iot"
	database = "database"
	api      = "api"
	debug    = "debug"
)

// What scan modes an item can have.
const (
	poll                = "POLL"
	subscription        = "SUBSCRIPTION"
	subscriptionAndPoll = "SUBSCRIPTION_AND_POLL"
)

// souths is the table of South connector types, in the order of the REST API.
var souths = []func(Dialect) South{
	southFolderScanner, southMQTT, southOPCUA, southOPC, southMSSQL, southMySQL, southODBC, southOLEDB, southOracle, southPostgreSQL, southSQLite,
	southADS, southModbus, southOIAnalytics, southOSIsoftPI, southREST, southSFTP, southFTP, southInfluxDB,
}

// norths is the table of North connector types, in the order of the REST API.
var norths = []func(Dialect) North{
	northConsole, northOIAnalytics, northAzureBlob, northAWSS3, northFileWriter, northSFTP, northREST, northOPCUA, northModbus, northMQTT,
}

// transformers is the table of the standard transformers, in the order of the REST API.
var transformers = []func() Transformer{
	iso, ignore, csvToMQTT, csvToTimeValues, jsonToCSV, jsonToOIAnalytics, timeValuesToCSV, timeValuesToJSON, timeValuesToModbus, timeValuesToMQTT,
	timeValuesToOIAnalytics, timeValuesToOPCUA, setpointToModbus, setpointToMQTT, setpointToOPCUA,
}

// onlyInN are the South types that dialect R does not know.
var onlyInN = []string{"influxdb"}

var (
	southsN  = sync.OnceValue(func() []South { return allSouths(N) })
	southsR  = sync.OnceValue(func() []South { return allSouths(R) })
	northsN  = sync.OnceValue(func() []North { return all(norths, N) })
	northsR  = sync.OnceValue(func() []North { return all(norths, R) })
	standard = sync.OnceValue(func() []Transformer {
		built := make([]Transformer, len(transformers))
		for i, build := range transformers {
			built[i] = build()
		}
		return built
	})
)

func all[T any](builders []func(Dialect) T, d Dialect) []T {
	built := make([]T, len(builders))
	for i, build := range builders {
		built[i] = build(d)
	}
	return built
}

func allSouths(d Dialect) []South {
	return slices.DeleteFunc(all(souths, d), func(s South) bool { return d == R && slices.Contains(onlyInN, s.ID) })
}

// Souths are the manifests of all South types of a dialect. Callers must not change what they point to.
func Souths(d Dialect) []South {
	if d == R {
		return slices.Clone(southsR())
	}
	return slices.Clone(southsN())
}

// Norths are the manifests of all North types of a dialect. Callers must not change what they point to.
func Norths(d Dialect) []North {
	if d == R {
		return slices.Clone(northsR())
	}
	return slices.Clone(northsN())
}

// Transformers are the manifests of the 15 standard transformers, equal in both dialects.
func Transformers() []Transformer { return slices.Clone(standard()) }

// FindSouth returns the manifest of a South type.
func FindSouth(d Dialect, id string) (South, bool) {
	return find(Souths(d), func(s South) bool { return s.ID == id })
}

// FindNorth returns the manifest of a North type.
func FindNorth(d Dialect, id string) (North, bool) {
	return find(Norths(d), func(n North) bool { return n.ID == id })
}

// FindTransformer returns the manifest of a standard transformer.
func FindTransformer(id string) (Transformer, bool) {
	return find(Transformers(), func(t Transformer) bool { return t.ID == id })
}

func find[T any](items []T, is func(T) bool) (T, bool) {
	if i := slices.IndexFunc(items, is); i >= 0 {
		return items[i], true
	}
	var none T
	return none, false
}

// SouthTypes are the South manifests without their forms.
func SouthTypes(d Dialect) []SouthType {
	var types []SouthType
	for _, s := range Souths(d) {
		types = append(types, SouthType{s.ID, s.Category, s.Modes})
	}
	return types
}

// NorthTypes are the North manifests without their forms.
func NorthTypes(d Dialect) []NorthType {
	var types []NorthType
	for _, n := range Norths(d) {
		types = append(types, NorthType{n.ID, n.Category, n.Types})
	}
	return types
}

// TransformerTypes are the transformer manifests without their forms.
func TransformerTypes() []TransformerType {
	var types []TransformerType
	for _, t := range Transformers() {
		types = append(types, TransformerType{t.ID, t.InputType, t.OutputType})
	}
	return types
}
