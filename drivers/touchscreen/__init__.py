"""The touch panel of a station without a desktop: which input device it is. Who reads it is the screen."""
