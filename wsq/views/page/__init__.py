"""What every page is made of: the component's base, messages, the hub that pushes changes, words and Markdown."""
