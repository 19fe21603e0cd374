"""Registrations: what will be measured, on which seeds and at which looks, before it is measured."""
