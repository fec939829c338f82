package org.telltale

import android.app.Application

/** The process: holds what outlives a screen. */
class TelltaleApp : Application()
