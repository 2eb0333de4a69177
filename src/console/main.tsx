import { render } from 'preact'
import './base.css'
import { App, searchId } from './app.js'
import { listenForKeys } from './keyboard.js'
import { followService } from './live.js'

const root = document.getElementById('console')
if (!root) throw new Error('index.html has no place for the console')
render(<App />, root)
listenForKeys(searchId)
followService()
