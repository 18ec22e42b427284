"""Parts that several families of models share; a block registers nothing."""
