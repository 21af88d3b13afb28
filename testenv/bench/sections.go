package bench

// sections are the questions, in the order of the document.
func sections() []section {
	return []section{
		{name: "one", title: "One blackhole", text: oneText, parts: oneParts, rows: contestantNames, run: oneSection},
		{name: "bulk", title: "Many at once", text: bulkText, parts: bulkParts, rows: contestantNames, run: bulkSection},
		{name: "restart", title: "Fail-over and restart", text: restartText, parts: restartParts, rows: killNames, run: restartSection},
		{name: "validation", title: "Origin validation", text: validationText, parts: validationParts, rows: validatorNames, run: validationSection},
		{name: "scale", title: "How it grows", text: scaleText, parts: scaleParts, run: scaleSection},
		{name: "micro", title: "Single steps", text: microText, parts: microParts, run: microSection},
	}
}

func contestantNames() (all []string) {
	for _, c := range contestants {
		all = append(all, c.name)
	}
	return all
}

func killNames() (all []string) {
	for _, k := range kills() {
		all = append(all, k.name)
	}
	return all
}

func validatorNames() (all []string) {
	for _, v := range validators {
		all = append(all, v.name)
	}
	return all
}
