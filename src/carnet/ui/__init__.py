"""The pages' common kit: base templates, components, styles, scripts, filters. CALM and the Control Room both use it."""
