"""What every page is made of: messages, cards, words, Markdown, scripts and styles."""
