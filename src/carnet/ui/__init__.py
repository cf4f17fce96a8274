"""The pages' common kit, for CALM and the Control Room: base templates, components, styles, scripts, filters."""
