"""Measurements. They print figures and ratios of one run; nothing here is asserted against a clock."""
