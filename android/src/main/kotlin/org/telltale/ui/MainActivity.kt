package org.telltale.ui

import android.app.Activity

/** The first screen. */
class MainActivity : Activity()
